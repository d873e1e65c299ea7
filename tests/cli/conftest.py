import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from api.settings import ApiSettings
from secure_ds.cli.main import main
from tests.simulators.services import TOKEN, SimulatedService


class Quiet(WSGIRequestHandler):
    """Writes no log of its own."""

    def log(self, *arguments: Any) -> None:
        """Drop the line."""


@dataclass
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str


class Shell:
    """Runs command lines in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Outcome:
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)


@pytest.fixture
def service() -> SimulatedService:
    return SimulatedService()


@pytest.fixture
def url(service: SimulatedService) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(service, ApiSettings()), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with structlog.testing.capture_logs():  # the service's lines are not the command's
        yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration directory, and no variables of ours."""
    for name in ("URL", "TOKEN", "TRUST_FILE"):
        monkeypatch.delenv(f"SECURE_DS_{name}", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "secure-ds"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], home: Path) -> Shell:
    """A shell that knows no service."""
    return Shell(capsys)


@pytest.fixture
def secure_ds(shell: Shell, url: str, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell whose user is acme's data owner."""
    monkeypatch.setenv("SECURE_DS_URL", url)
    monkeypatch.setenv("SECURE_DS_TOKEN", TOKEN)
    return shell
