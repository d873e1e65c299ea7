"""Databases that are upgraded once per test run: to migrate anew for every test would take most of its time."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from secure_ds.store.engine import make_engine
from secure_ds.store.migrate import expected_metadata, upgrade
from tests.postgres import administer, cut_off, database_url

_DATABASE = "upgraded"


@cache
def sqlite_file() -> Path:
    """Return an upgraded SQLite database with nothing in it. Copy it; do not open it."""
    folder = tempfile.mkdtemp(prefix="sqlite-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "template.db"
    _upgrade(f"sqlite:///{path}")
    return path


def postgres_url() -> str:
    """Return the URL of the one upgraded PostgreSQL database, emptied. Do not change its schema."""
    url = _postgres_database()
    deletions = [f"DELETE FROM {table.name}" for table in expected_metadata().sorted_tables]  # noqa: S608  our own names
    cut_off(f"datname = '{_DATABASE}'")
    administer(
        "SET session_replication_role = replica",  # no triggers: those of append-only tables would refuse
        *deletions,
        "INSERT INTO audit_head (id, size) VALUES (1, 0)",
        database=_DATABASE,
    )
    return url


@cache
def _postgres_database() -> str:
    administer(f"CREATE DATABASE {_DATABASE}")
    _upgrade(database_url(_DATABASE))
    return database_url(_DATABASE)


def _upgrade(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
