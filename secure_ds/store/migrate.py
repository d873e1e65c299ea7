"""Brings a database to the schema of this version, and tells whether it has it.

Rules:
    - An upgrade is one transaction: it happens in full or not at all; two at the same time take turns.
    - `check` compares the database with the tables that the code uses, column by column, with the names of constraints
      and the triggers that keep spends and the log immutable. A trigger that was dropped, or switched off on
      PostgreSQL, is a difference like any other.
"""

from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Engine, MetaData, inspect, text

import migrations
from audit.stores import tables as audit_tables
from secure_ds.store import immutability, tables
from secure_ds.store.engine import READ_ONLY
from secure_ds.store.errors import SchemaDrift
from secure_ds.store.unit_of_work import available

_UPGRADE_LOCK: Final = 0x5EC0_0D5  # any number that nothing else in this database locks
_TRIGGERS: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND relnamespace = current_schema()::regnamespace",
}


def upgrade(engine: Engine) -> None:
    """Create or upgrade the schema; on an up-to-date database, do nothing.

    Raises:
        StoreUnavailable: the database does not answer, or another upgrade is taking too long.
    """
    with available(), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        command.upgrade(_config(connection), "head")


def check(engine: Engine) -> None:
    """Make sure that the database has the schema of this version.

    Raises:
        SchemaDrift: it has not; lists the differences.
        StoreUnavailable: the database does not answer.
    """
    reading = engine.execution_options(**{READ_ONLY: True})
    with available(), reading.begin() as connection:
        differences = _revision_difference(connection)
        if not differences:
            differences = [
                *_table_differences(connection),
                *_constraint_differences(connection),
                *_trigger_differences(connection),
            ]
    if differences:
        raise SchemaDrift(differences)


def expected_metadata() -> MetaData:
    """Return the tables of the store and of the audit log together."""
    together = MetaData(naming_convention=tables.NAMING)
    for table in (*tables.metadata.sorted_tables, *audit_tables.metadata.sorted_tables):
        table.to_metadata(together)
    return together


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__path__[0])).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["metadata"] = expected_metadata()
    return config


def _revision_difference(connection: Connection) -> list[str]:
    expected = ScriptDirectory.from_config(_config(connection)).get_current_head()
    found = MigrationContext.configure(connection).get_current_revision()
    return [] if found == expected else [f"it is at revision {found or 'none'}, not {expected}"]


def _table_differences(connection: Connection) -> list[str]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [_describe(difference) for difference in compare_metadata(context, expected_metadata())]


def _describe(difference: Any) -> str:
    """Name an Alembic operation: ("add_column", None, "users", Column) is `add column users shoe_size`."""
    operation = difference[0] if isinstance(difference, list) else difference
    named = [getattr(part, "name", part) for part in operation]
    return " ".join(part for part in named if isinstance(part, str)).replace("_", " ", 1)


def _constraint_differences(connection: Connection) -> list[str]:
    """Compare CHECK constraints by name; Alembic does not look at them."""
    reflected = inspect(connection).get_multi_check_constraints()
    found = {str(item["name"]) for constraints in reflected.values() for item in constraints}
    expected = {
        str(item.name)
        for table in expected_metadata().tables.values()
        for item in table.constraints
        if isinstance(item, CheckConstraint)
    }
    return [f"constraint {name} is missing" for name in sorted(expected - found)]


def _trigger_differences(connection: Connection) -> list[str]:
    dialect = connection.dialect.name
    found = set(connection.execute(text(_TRIGGERS[dialect])).scalars())
    return [f"trigger {name} is missing" for name in sorted(_expected_triggers(dialect) - found)]


def _expected_triggers(dialect: str) -> set[str]:
    statements = (*immutability.all_immutability_ddl(dialect), *audit_tables.immutability_ddl(dialect))
    words = [statement.split() for statement in statements]
    return {statement[2] for statement in words if statement[:2] == ["CREATE", "TRIGGER"]}
