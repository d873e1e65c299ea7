"""The models, the migrations and the database agree, and every disagreement is found."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, text

from secure_ds.store import migrate
from secure_ds.store.engine import make_engine
from secure_ds.store.errors import SchemaDrift


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on an upgraded database of the test's own, whose schema it may change."""
    engine = make_engine(database_url)
    migrate.upgrade(engine)
    yield engine
    engine.dispose()


def test_an_upgraded_database_has_the_expected_schema(engine: Engine) -> None:
    migrate.check(engine)
    migrate.upgrade(engine)
    migrate.check(engine)


def test_upgrades_at_the_same_time_take_turns(database_url: str) -> None:
    engines = [make_engine(database_url) for _ in range(4)]
    threads = [threading.Thread(target=migrate.upgrade, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    migrate.check(engines[0])
    for engine in engines:
        engine.dispose()


def test_an_empty_database_is_not_up_to_date(database_url: str) -> None:
    engine = make_engine(database_url)
    with pytest.raises(SchemaDrift, match="at revision none, not"):
        migrate.check(engine)
    engine.dispose()


def test_a_column_added_to_the_model_alone_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    together = migrate.expected_metadata()
    together.tables["users"].append_column(Column("shoe_size", Integer))
    monkeypatch.setattr(migrate, "expected_metadata", lambda: together)
    with pytest.raises(SchemaDrift, match="add column users shoe_size"):
        migrate.check(engine)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ALTER TABLE users ADD COLUMN shoe_size INTEGER", "remove column users shoe_size"),
        ("DROP INDEX ix_users_tenant", "add index ix_users_tenant"),
        ("DROP TABLE idempotency", "add table idempotency"),
    ],
)
def test_a_change_of_the_database_alone_is_found(engine: Engine, change: str, message: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(change))
    with pytest.raises(SchemaDrift, match=message):
        migrate.check(engine)


def test_a_dropped_trigger_is_found(engine: Engine) -> None:
    postgresql = engine.dialect.name == "postgresql"
    with engine.begin() as connection:
        connection.execute(
            text("DROP TRIGGER spends_immutable ON spends" if postgresql else "DROP TRIGGER spends_no_update")
        )
    with pytest.raises(SchemaDrift, match="trigger spends_"):
        migrate.check(engine)


def test_a_trigger_switched_off_is_found(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        return  # SQLite cannot switch a trigger off
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_entries DISABLE TRIGGER ALL"))
    with pytest.raises(SchemaDrift, match="trigger audit_entries_immutable is missing"):
        migrate.check(engine)


def test_a_lost_constraint_is_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    together = migrate.expected_metadata()
    constraint = next(
        item for item in together.tables["budgets"].constraints if str(item.name).endswith("units_within_limit")
    )
    constraint.name = "ck_budgets_another"
    monkeypatch.setattr(migrate, "expected_metadata", lambda: together)
    with pytest.raises(SchemaDrift, match="constraint ck_budgets_another is missing"):
        migrate.check(engine)


def test_migrations_run_from_any_folder(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = make_engine(database_url)
    migrate.upgrade(engine)
    migrate.check(engine)
    engine.dispose()
