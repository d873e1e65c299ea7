"""The database refuses to forget: every way to change or remove what was recorded, on both engines."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from audit.merkle import EMPTY_ROOT
from audit.stores.tables import IMMUTABLE, immutability_ddl
from tests.audit.support import SealedLog, draft, install, make_engine, sql_log

COMMON = [
    "UPDATE audit_entries SET data = data WHERE entry_index = 1",
    "UPDATE audit_entries SET tenant = 'bank'",
    "DELETE FROM audit_entries WHERE entry_index = 2",
    "DELETE FROM audit_entries",
    "UPDATE audit_nodes SET hash = hash",
    "DELETE FROM audit_nodes",
    "UPDATE audit_checkpoints SET note = ''",
    "DELETE FROM audit_checkpoints",
]
SQLITE = [
    "INSERT OR REPLACE INTO audit_entries SELECT * FROM audit_entries WHERE entry_index = 1",
    "REPLACE INTO audit_entries SELECT 9, data, leaf_hash, event_id, time_us, actor_id, tenant, action, outcome, "
    "dataset_id, job_id, model_id, object_id, request_id, search_text FROM audit_entries WHERE event_id = 'evt-1'",
    "INSERT OR REPLACE INTO audit_nodes SELECT * FROM audit_nodes",
    "INSERT OR REPLACE INTO audit_checkpoints SELECT size, 'other' FROM audit_checkpoints",
    "UPDATE OR REPLACE audit_entries SET entry_index = 0 WHERE entry_index = 1",
]
POSTGRESQL = [
    "TRUNCATE audit_entries",
    "TRUNCATE audit_nodes, audit_checkpoints",
    "INSERT INTO audit_checkpoints SELECT * FROM audit_checkpoints ON CONFLICT (size) DO UPDATE SET note = 'other'",
    "DELETE FROM audit_entries WHERE false",
]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    with engine.begin() as connection:
        install(connection)
    with sql_log(engine) as log:
        sealed = SealedLog(log=log)
        sealed.record(3)
        log.append(draft(event_id="evt-1"))
        sealed.seal()
    yield engine
    engine.dispose()


def content(engine: Engine) -> list[object]:
    with engine.begin() as connection:
        return [connection.execute(select(table).order_by(*table.primary_key)).all() for table in IMMUTABLE]


def test_nothing_recorded_can_be_changed_or_removed(engine: Engine) -> None:
    before = content(engine)
    for statement in COMMON + (SQLITE if engine.dialect.name == "sqlite" else POSTGRESQL):
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(text(statement))
    assert content(engine) == before


def test_the_log_still_grows(engine: Engine) -> None:
    with sql_log(engine) as log:
        assert log.append(draft()).index == 4
        assert log.head().root != EMPTY_ROOT


def test_without_the_rules_the_database_would_forget(database_url: str) -> None:
    """The control: it is the rules that refuse, not the tables."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        install(connection)
        for table in ("audit_entries", "audit_nodes", "audit_checkpoints"):
            if engine.dialect.name == "sqlite":
                connection.execute(text(f"DROP TRIGGER {table}_no_delete"))
            else:
                connection.execute(text(f"DROP TRIGGER {table}_immutable ON {table}"))
    with sql_log(engine) as log:
        log.append(draft())
    with engine.begin() as connection:
        assert connection.execute(text("DELETE FROM audit_entries")).rowcount == 1
    engine.dispose()


def test_the_head_is_one_row(engine: Engine) -> None:
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("INSERT INTO audit_head (id, size) VALUES (2, 0)"))


def test_engines_without_rules_are_refused() -> None:
    with pytest.raises(ValueError, match="mysql"):
        immutability_ddl("mysql")
