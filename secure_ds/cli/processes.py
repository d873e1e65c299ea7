"""The service's processes: what each runs, and the supervisor that keeps all three up on one machine.

Each process reads its own settings, and builds its parts after it has started: nothing is shared by a fork. The
supervisor starts a process again when it dies, which is safe at any moment: whatever was in flight is resumed from what
is durable.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import httpx

from api.app import create_app
from api.server import CannotStart, serve_tcp, serve_unix
from api.settings import ApiSettings
from hsm.errors import CapabilityMissing, HsmUsageError, InsecureBackend, PinLocked, PinRejected, PinUnavailable
from secure_ds.assembly import build_service_context
from secure_ds.cli.children import Child
from secure_ds.core.settings import Settings
from secure_ds.custodian.assembly import build_custodian
from secure_ds.custodian.server import create_server
from secure_ds.services.facade import Services
from secure_ds.worker.loop import Worker

App = TypeVar("App")
PROCESSES = ("custodian", "api", "worker")
CUSTODIAN_THREADS = 8
RESTART_SECONDS = 0.5
START_SECONDS = 60.0
STOP_SECONDS = 10.0
NEEDS_A_PERSON = (PinRejected, PinLocked, PinUnavailable, HsmUsageError, InsecureBackend, CapabilityMissing)
"""What a custodian that is started again would only meet again."""
log = logging.getLogger("secure_ds.up")


def run_api(settings: Settings) -> None:
    """Serve the REST API until SIGTERM."""
    limits = ApiSettings(max_json_bytes=settings.max_json_bytes, max_blob_bytes=settings.max_blob_bytes)
    serve_tcp(
        lambda: create_app(Services(build_service_context(settings)), limits),
        settings.api_host,
        settings.api_port,
        settings.api_threads,
    )


def run_worker(settings: Settings) -> None:
    """Claim and carry out work until SIGTERM."""
    worker = Worker(
        build_service_context(settings),
        lease_seconds=settings.lease_seconds,
        checkpoint_seconds=settings.checkpoint_seconds,
    )
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    signal.signal(signal.SIGINT, lambda *_: worker.stop())
    worker.run()


def run_custodian(settings: Settings) -> None:
    """Open the key store and answer on the socket until SIGTERM; the key store is opened after the server's fork."""
    settings.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    build = _needing_a_person(lambda: create_server(build_custodian(settings)))
    serve_unix(build, settings.socket, CUSTODIAN_THREADS)


def _needing_a_person(build: Callable[[], App]) -> Callable[[], App]:
    """Make `build` say in one line what only a person can mend."""

    def build_or_say_why() -> App:
        try:
            return build()
        except NEEDS_A_PERSON as error:
            raise CannotStart(f"the custodian cannot start: {error}") from error

    return build_or_say_why


def stop_on_sigterm() -> None:
    """Make SIGTERM end this process like Ctrl-C, so that children are stopped and files removed."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


class Supervisor:
    """Starts all processes of an instance and starts again what dies."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._children: dict[str, Child] = {}

    @property
    def url(self) -> str:
        """Where the API listens."""
        return f"http://{self._settings.api_host}:{self._settings.api_port}"

    def process_id(self, name: str) -> int:
        """The process id of a running process."""
        return self._children[name].process.pid

    def start(self, names: Sequence[str] = PROCESSES) -> None:
        """Start processes in order, each with its output in `<home>/logs`."""
        for name in names:
            self._children[name] = Child(name, self._logs / f"{name}.log")
            self._spawn(self._children[name])

    def wait_until_ready(self) -> None:
        """Wait until the API says that every part answers.

        Raises:
            ProcessFailed: a process ended instead; the message has its last words.
            TimeoutError: they did not within a minute; the logs say why.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            for child in self._children.values():
                child.require_alive()
            if self._is_ready():
                return
            time.sleep(0.1)
        raise TimeoutError(f"the service did not become ready; see {self._logs}")

    def revive(self) -> list[str]:
        """Start again whatever has died and may be started again; return the names."""
        due = [child for child in self._children.values() if child.is_due()]
        for child in due:
            log.warning("%s ended; starting it again", child.name)
            self._spawn(child)
        return [child.name for child in due]

    def watch(self) -> None:
        """Keep all processes up until interrupted."""
        while True:
            time.sleep(RESTART_SECONDS)
            self.revive()

    def stop(self) -> None:
        """End all processes: politely, then surely."""
        processes = [child.process for child in self._children.values()]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._children.clear()

    @property
    def _logs(self) -> Path:
        return self._settings.home / "logs"

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2.0).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _spawn(self, child: Child) -> None:
        self._logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        with child.log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", "secure_ds.cli.main", child.name],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started(process)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "SECURE_DS_HOME": str(self._settings.home)}
