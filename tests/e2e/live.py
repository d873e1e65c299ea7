"""An instance with real processes that a test may hurt: API, worker and custodian as `secure-ds up` runs them.

Everything a test does goes through the public client. What it then wants to know for certain it reads from where it is
durable: the service's database, the custodian's journal, the exported log.
"""

import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from secure_ds.assembly import open_store
from secure_ds.cli.instances import CONFIGURATION, make_instance
from secure_ds.cli.processes import Supervisor
from secure_ds.client.client import Client
from secure_ds.client.errors import ProblemError, ServiceUnreachable
from secure_ds.core.principal import Role
from secure_ds.core.settings import Settings, load_settings
from secure_ds.custodian.journal import Journal
from secure_ds.services.authenticate import issue_token
from secure_ds.store.engine import make_engine
from secure_ds.store.rows import UserRow
from secure_ds.store.unit_of_work import Store
from tests.installation import PURPOSE

Answer = TypeVar("Answer")
REVIVE_SECONDS = 0.1
LOG_TAIL = 4000  # characters of each log shown with a failure
TENANT = "clinic"


class LiveInstance:
    """One instance in a directory of its own. Use it in a `with` block; a failure inside shows the logs' ends."""

    def __init__(self, database_url: str | None = None, *, dual: bool = False, **settings: float | int | str) -> None:
        """Make the instance; nothing runs yet.

        Args:
            database_url: SQLite under the instance's directory by default.
            dual: whether there are keys for two workers.
            settings: lines of its configuration file, numbers or text.
        """
        # A Unix socket's path is at most 107 bytes, which the directories of pytest exceed.
        self.home = Path(tempfile.mkdtemp(prefix="sds-"))
        made = make_instance(self.home, port=_free_port(), database_url=database_url, dual=dual).settings
        with (self.home / CONFIGURATION).open("a") as file:
            file.writelines(f"{name} = {_toml(value)}\n" for name, value in settings.items())
        self.settings: Settings = load_settings({}, home=made.home)
        self.supervisor = Supervisor(self.settings)
        self.tokens: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop()
        if error is not None:
            error.add_note(self.logs())
        shutil.rmtree(self.home, ignore_errors=True)

    def start(self, *names: str) -> None:
        """Start the named processes, by default all, and in that case wait until they answer."""
        if names:
            self.supervisor.start(names)
        else:
            self.supervisor.start()
            self.supervisor.wait_until_ready()

    @contextmanager
    def kept_up(self) -> Iterator[None]:
        """Start again whatever dies, in the background, for as long as the block lasts."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(REVIVE_SECONDS):
                self.supervisor.revive()

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def client(self, name: str, *roles: Role, **choices: Any) -> Client:
        """A client with a fresh token of a person in the one tenant there is."""
        user = UserRow(name, TENANT, name, frozenset(roles), frozenset({PURPOSE}), 3)
        token = issue_token(self.store(), user, timedelta(hours=1)).text
        self.tokens.append(token)
        return Client(self.supervisor.url, token, **choices)

    def store(self) -> Store:
        """The service's database, opened by the test."""
        return open_store(self.settings)

    def journal(self) -> Journal:
        """The custodian's journal, opened by the test."""
        return Journal(make_engine(f"sqlite:///{self.journal_path}"))

    @property
    def journal_path(self) -> Path:
        """The file of the custodian's journal."""
        return self.settings.custody / "journal.db"

    def logs(self) -> str:
        """The end of every process' log."""
        files = sorted((self.home / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-LOG_TAIL:]}" for file in files)

    def kill(self, name: str, what: str) -> None:
        """Kill a process with SIGKILL: `all` of its group, its `parent` alone, or a `child` alone.

        API and custodian are a parent that holds the socket and a child that does the work; the worker is one process.
        """
        parent = self.supervisor.process_id(name)
        children = _children(parent)
        if what == "child" and children:
            _kill(children[0])
        elif what == "parent":
            _kill(parent)
        else:
            for victim in (parent, *children):
                _kill(victim)


def patiently(act: Callable[[], Answer], seconds: float = 60.0) -> Answer:
    """Do something that may be repeated until the service answers it.

    Raises:
        ServiceUnreachable, ProblemError: it never did, or it refused for good.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return act()
        except (ServiceUnreachable, ProblemError) as error:
            refused = isinstance(error, ProblemError) and error.status != 503
            if refused or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def eventually(condition: Callable[[], Answer | None], seconds: float, what: str) -> Answer:
    """Wait until a condition holds and return its value.

    Raises:
        TimeoutError: it does not.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise TimeoutError(f"after {seconds} s: {what}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _toml(value: float | int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _children(process_id: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()]
    except OSError:
        return []


def _kill(process_id: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)
