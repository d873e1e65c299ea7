"""A throwaway PostgreSQL for the tests: Debian's own server in a temporary directory.

It listens on a Unix socket only, trades durability for speed, runs as `postgres` when the tests run as root (the server
refuses to be root) and is gone when the test process ends. Tests share one server; each gets a place of its own there.
"""

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Final

import psycopg

_DEBIAN_BINARIES: Final = "/usr/lib/postgresql/*/bin"
_START_SECONDS: Final = 30.0
_SETTINGS: Final = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "32MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
}
_numbers = count()


class PostgresMissing(RuntimeError):
    """There is no PostgreSQL server to start. The message names the package to install."""


def postgres_url() -> str:
    """Return the SQLAlchemy URL of the shared server's maintenance database, starting the server at the first call.

    Raises:
        PostgresMissing: no server binaries on this machine, or no `postgres` user to run them as when root.
    """
    return database_url("postgres")


@contextmanager
def fresh_database() -> Iterator[str]:
    """Yield the URL of an empty place for tables; whoever is still connected to it afterwards is cut off.

    It is a schema of its own under a role of the same name, which PostgreSQL searches first: made in a hundredth of the
    time that a database takes.
    """
    name = f"test_{next(_numbers)}"
    administer(f"CREATE ROLE {name} LOGIN SUPERUSER", f"CREATE SCHEMA AUTHORIZATION {name}")
    try:
        yield f"postgresql+psycopg://{name}@/postgres?host={_server()}"
    finally:
        cut_off(f"usename = '{name}'")


def database_url(name: str) -> str:
    """Return the SQLAlchemy URL of a database on the shared server."""
    return f"postgresql+psycopg://postgres@/{name}?host={_server()}"


def cut_off(whom: str) -> None:
    """End the connections of which the condition `whom` on `pg_stat_activity` holds."""
    administer(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {whom}")  # noqa: S608  the tests' own text


def administer(*statements: str, database: str = "postgres") -> None:
    """Run statements as the server's superuser, each for itself."""
    with psycopg.connect(host=_server(), user="postgres", dbname=database, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@cache
def _server() -> str:
    """Start the server and return its socket's directory, which is also its home."""
    binaries = _find_binaries()
    user = _unprivileged_user()
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    if user is not None:
        shutil.chown(home, user)
    data = home / "data"
    subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True, capture_output=True, user=user, cwd=home,
    )  # fmt: skip
    _launch(binaries / "postgres", data, home, user)
    return str(home)


def _launch(program: Path, data: Path, home: Path, user: str | None) -> None:
    options = [f"-c{name}={value}" for name, value in (_SETTINGS | {"unix_socket_directories": str(home)}).items()]
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen([program, "-D", data, *options], stdout=output, stderr=output, user=user, cwd=home)
    atexit.register(_stop, process)
    deadline = time.monotonic() + _START_SECONDS
    while not _answers(home):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _answers(home: Path) -> bool:
    try:
        psycopg.connect(host=str(home), user="postgres", dbname="postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGQUIT)  # immediate shutdown: nothing here is worth a checkpoint
    process.wait(timeout=10)


def _find_binaries() -> Path:
    found = sorted(Path("/").glob(f"{_DEBIAN_BINARIES}/postgres".lstrip("/")))
    on_path = shutil.which("postgres")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    raise PostgresMissing("the tests need a PostgreSQL server: install the Debian package `postgresql-15`")


def _unprivileged_user() -> str | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise PostgresMissing(
            "PostgreSQL cannot run as root and there is no user `postgres`: install the package `postgresql-15`"
        ) from None
