"""The supervisor that keeps the service's processes up on one machine: three, or four with a second worker.

Each process reads its own settings and loads its own rooms only (`api_process`, `worker_process`, `custodian_process`).
The supervisor starts a process again when it dies, which is safe at any moment: whatever was in flight is resumed from
what is durable.
"""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from hsm.uri import parse_uri
from secure_ds.cli.children import Child
from secure_ds.cli.instances import SECOND, evaluator_file
from secure_ds.core.settings import Settings

PROCESSES = ("custodian", "api", "worker")
SECOND_WORKER = "second-worker"
RESTART_SECONDS = 0.5
START_SECONDS = 60.0
PIN_FROM_ENVIRONMENT = "env:"  # a pin-source of a key store's URI
STOP_SECONDS = 10.0
log = logging.getLogger("secure_ds.up")


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
                [sys.executable, "-m", "secure_ds.cli.main", *self._command(child.name)],
                env=self._environment(child.name),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child.started(process)

    def _command(self, name: str) -> list[str]:
        if name == SECOND_WORKER:
            return ["worker", "--evaluator", str(evaluator_file(self._settings, SECOND))]
        return [name]

    def _environment(self, name: str) -> dict[str, str]:
        """The supervisor's own, less what only the custodian may know."""
        secret = None if name == "custodian" else _pin_variable(self._settings.keystore_uri)
        kept = {key: value for key, value in os.environ.items() if key != secret}
        return {**kept, "SECURE_DS_HOME": str(self._settings.home)}


def _pin_variable(keystore_uri: str) -> str | None:
    """The environment variable that holds the key store's PIN, if one does."""
    source = parse_uri(keystore_uri).pin_source if keystore_uri else None
    return source.removeprefix(PIN_FROM_ENVIRONMENT) if source and source.startswith(PIN_FROM_ENVIRONMENT) else None
