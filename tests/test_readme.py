"""The README's tour is run as it is printed: every command, in order, against a service that it starts itself."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.sources import ROOT

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRELUDE = ("export ", "umask ")
SET_UP_ALREADY = ("make ", "export PATH=")
READY_SECONDS = 90.0
COMMAND_SECONDS = 180.0


@dataclass
class Session:
    """A terminal: a directory, what was exported in it, and the service that was started from it."""

    directory: Path
    port: int
    prelude: list[str] = field(default_factory=list)
    service: subprocess.Popen[bytes] | None = None

    def run(self, statement: str) -> str:
        """Run one statement of the README; returns what it printed."""
        script = "\n".join(["set -eu", *self.prelude, self._with_ids(statement)])
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.directory, env=self._environment(), capture_output=True, text=True,
            timeout=COMMAND_SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, f"{statement}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, statement: str) -> None:
        """Start the service in the background and wait until it is ready."""
        with (self.directory / "up.log").open("wb") as log:
            self.service = subprocess.Popen(
                ["bash", "-c", f"exec {statement}"], cwd=self.directory, env=self._environment(), stdout=log, stderr=log
            )
        deadline = time.monotonic() + READY_SECONDS
        while b"is ready" not in (self.directory / "up.log").read_bytes():
            assert self.service.poll() is None and time.monotonic() < deadline, (self.directory / "up.log").read_text()
            time.sleep(0.1)

    def stop(self) -> None:
        """End the service."""
        if self.service is not None:
            self.service.terminate()
            self.service.wait(timeout=30)

    def _with_ids(self, statement: str) -> str:
        """Put the ids of this session where the README says DATASET_ID, JOB_ID, MODEL_ID or TOKEN_ID."""
        for placeholder, (group, key) in {"DATASET_ID": ("dataset", "id"), "JOB_ID": ("job", "id"),
                                          "MODEL_ID": ("model", "id")}.items():  # fmt: skip
            if placeholder in statement:
                listed = json.loads(self.run(f"secure-ds {group} ls --json --token-file olivia.token"))
                (found,) = [view for view in listed if view.get("state") != "rotated"]
                statement = statement.replace(placeholder, found[key])
        return statement.replace("TOKEN_ID", self._token_id("emil"))

    def _token_id(self, user: str) -> str:
        token = self.directory / f"{user}.token"
        return "tok_" + token.read_text().split("_")[1] if token.exists() else ""

    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SECURE_DS_")}
        return {**kept, "PATH": path, "HOME": str(self.directory)}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A terminal in an empty directory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    opened = Session(tmp_path, port)
    yield opened
    opened.stop()
    shutil.rmtree(tmp_path / "var", ignore_errors=True)


@pytest.mark.slow
def test_the_tour_can_be_taken(session: Session) -> None:
    printed = {}
    for statement in tour(session.port):
        if statement.startswith("secure-ds up"):
            session.start(statement)
        elif statement.startswith(PRELUDE):
            session.prelude.append(statement)
        elif not statement.startswith(SET_UP_ALREADY):
            printed[statement.partition(" --")[0]] = session.run(statement)
    assert "verified" in printed["secure-ds dataset upload patients.package"]
    assert " no " not in printed["secure-ds model verify breast-cancer"]
    assert "are what was signed" in printed["secure-ds audit verify audit.jsonl"]
    assert httpx.get(f"http://127.0.0.1:{session.port}/openapi.json").status_code == httpx.codes.OK


def tour(port: int) -> Iterator[str]:
    """The statements of the README's tour, in order, for a service on another port."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Five minutes with it")[2]
    for block in BLOCK.findall(text):
        joined = block.replace("\\\n", " ").replace("8443", str(port))
        for statement in re.findall(r"^[^\n]*<<'END'\n.*?^END$|^[^\n]+$", joined, re.MULTILINE | re.DOTALL):
            plain = re.sub(r"\s{2,}#[^\n]*$", "", statement)
            yield f"{plain} --port {port}" if plain.startswith("secure-ds init") else plain
