"""Connections to the database, set up so that what the store promises holds on both engines.

Rules:
    - A write transaction on SQLite takes the write lock when it begins (`BEGIN IMMEDIATE`). With the driver's default,
      two transactions read the same value and both write: 50 of 400 increments survived, without an error.
    - A read transaction sees one snapshot and cannot write, on both engines.
    - What is committed survives a power cut (`synchronous=FULL`; PostgreSQL's default).
    - Nothing waits for long: a lock that cannot be had, a slow statement or an exhausted pool ends in an error within
      seconds, so that a stuck database refuses operations instead of hanging the service.
"""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from secure_ds.store.errors import UnsupportedDatabase

READ_ONLY: Final = "secure_ds_read_only"  # execution option of a connection whose transactions only read

_LOCK_SECONDS: Final = 3
_POOL_SECONDS: Final = 2  # a request may wait for the pool and for a lock, and is still refused within ten seconds
_STATEMENT_SECONDS: Final = 15
_IDLE_IN_TRANSACTION_SECONDS: Final = 60  # longer than any step between two statements of one transaction
_POOL_SIZE: Final = 16  # fewer than the API's threads: short transactions share, and SQLite has one writer anyway
_POSTGRESQL_OPTIONS: Final = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "timezone": "UTC",
        "lock_timeout": f"{_LOCK_SECONDS}s",
        "statement_timeout": f"{_STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{_IDLE_IN_TRANSACTION_SECONDS}s",
    }.items()
)


def make_engine(url: str) -> Engine:
    """Return an engine for a SQLAlchemy URL: `sqlite:///path` or `postgresql://...` (spoken to through psycopg 3).

    Raises:
        UnsupportedDatabase: another engine, a malformed URL, or SQLite without a file. The message carries no password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UnsupportedDatabase("the database URL is malformed; write sqlite:///path or postgresql://...") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite_engine(parsed)
    if backend == "postgresql":
        return _postgresql_engine(parsed)
    raise UnsupportedDatabase(f"the database is {backend}; it must be sqlite or postgresql")


def is_read_only(connection: Connection) -> bool:
    """Tell whether `connection` was opened for reading."""
    return bool(connection.get_execution_options().get(READ_ONLY))


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        connect_args={"options": _POSTGRESQL_OPTIONS, "connect_timeout": _LOCK_SECONDS},
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        max_overflow=0,
        pool_pre_ping=True,
        pool_size=_POOL_SIZE,
        pool_timeout=_POOL_SECONDS,
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if is_read_only(connection):
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")

    return engine


def _sqlite_engine(url: URL) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise UnsupportedDatabase("SQLite needs a file, sqlite:///path: one in memory is not shared between processes")
    _create_private(Path(str(url.database)))
    engine = create_engine(
        url,
        connect_args={"timeout": _LOCK_SECONDS, "check_same_thread": False},
        hide_parameters=True,
        max_overflow=0,
        pool_size=_POOL_SIZE,
        pool_timeout=_POOL_SECONDS,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)  # noqa: S101  narrows the driver's type
    connection.isolation_level = None  # the driver must not begin transactions: `_begin_sqlite` does
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = is_read_only(connection)
    connection.exec_driver_sql(f"PRAGMA query_only={'ON' if read_only else 'OFF'}")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _create_private(path: Path) -> None:
    """Create the file readable by its owner alone; SQLite gives its journal files the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # one that exists is not even opened: closing it would drop SQLite's locks on it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
