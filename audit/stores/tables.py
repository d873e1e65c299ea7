"""The tables of the log, in a metadata of their own, and the rules by which the database itself refuses changes.

Rules of this module:
1. Entries, nodes and checkpoints are only ever inserted. `immutability_ddl` makes the database refuse everything else:
   UPDATE, DELETE, on PostgreSQL TRUNCATE, and on SQLite the silent deletion that INSERT OR REPLACE stands for.
2. Columns beside `data` are copies for searching; the proof rests on `data` and `leaf_hash` alone.
3. Every search column is indexed together with the index, which is the order of every page.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
)

from audit.entry import MAX_NAME_LENGTH
from audit.query import EXACT_FIELDS

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# On SQLite only an INTEGER key is the row id itself; a BIGINT key would be a second tree.
_Key = BigInteger().with_variant(Integer, "sqlite")
_Name = String(MAX_NAME_LENGTH)

audit_entries: Final = Table(
    "audit_entries",
    metadata,
    Column("entry_index", _Key, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary(32), nullable=False),
    Column("event_id", _Name, unique=True),
    Column("time_us", BigInteger, nullable=False),  # microseconds since 1970-01-01 UTC
    Column("actor_id", _Name, nullable=False),
    Column("tenant", _Name),
    Column("action", _Name, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("dataset_id", _Name),
    Column("job_id", _Name),
    Column("model_id", _Name),
    Column("object_id", _Name),
    Column("request_id", _Name),
    Column("search_text", Text, nullable=False),
)

for _column in ("actor_id", *EXACT_FIELDS):
    Index(None, audit_entries.c[_column], audit_entries.c.entry_index)
Index(None, audit_entries.c.time_us)

audit_nodes: Final = Table(
    "audit_nodes",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary(32), nullable=False),
)

audit_head: Final = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

audit_checkpoints: Final = Table(
    "audit_checkpoints",
    metadata,
    Column("size", _Key, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

IMMUTABLE: Final = (audit_entries, audit_nodes, audit_checkpoints)


def head_seed() -> Insert:
    """Return the statement that an installation runs once: the log begins empty."""
    return insert(audit_head).values(id=1, size=0)


def immutability_ddl(dialect: str) -> tuple[str, ...]:
    """Return the statements after which the database refuses to change what was recorded.

    Args:
        dialect: `sqlite` or `postgresql`.

    Raises:
        ValueError: another engine, for which no such rules are known.
    """
    if dialect == "sqlite":
        return tuple(statement for table in IMMUTABLE for statement in _sqlite_triggers(table))
    if dialect == "postgresql":
        return (_POSTGRESQL_FUNCTION, *(_postgresql_trigger(table) for table in IMMUTABLE))
    raise ValueError(f"no immutability rules are known for {dialect!r}; use 'sqlite' or 'postgresql'")


_POSTGRESQL_FUNCTION: Final = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only: % on % refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END
$$
"""


def _postgresql_trigger(table: Table) -> str:
    return (
        f"CREATE TRIGGER {table.name}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()"
    )


def _sqlite_triggers(table: Table) -> list[str]:
    refuse = f"SELECT RAISE(ABORT, 'the audit log is append-only: change of {table.name} refused')"
    triggers = [
        f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} BEGIN {refuse}; END"
        for verb in ("UPDATE", "DELETE")
    ]
    # INSERT OR REPLACE deletes the row in its way without firing the trigger above.
    taken = f"EXISTS (SELECT 1 FROM {table.name} WHERE {_same_key(table)})"  # noqa: S608 (names of our own tables)
    triggers.append(
        f"CREATE TRIGGER {table.name}_no_replace BEFORE INSERT ON {table.name} WHEN {taken} BEGIN {refuse}; END"
    )
    return triggers


def _same_key(table: Table) -> str:
    key = " AND ".join(f"{column.name} = NEW.{column.name}" for column in table.primary_key.columns)
    unique = [f"{column.name} = NEW.{column.name}" for column in table.columns if column.unique]
    return " OR ".join([f"({key})", *unique])
