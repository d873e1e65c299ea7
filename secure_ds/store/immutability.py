"""Triggers by which the database itself refuses to change what was spent.

A spend is never updated and never deleted: what was released stays released. `audit.stores.tables` does the same for
the log.
"""

from typing import Final

_KEYS: Final = {
    "spends": ("job_id", "step", "dataset_id"),
    "renyi_spends": ("job_id", "dataset_id", "through"),
}
_REASON: Final = "what was spent stays spent: {table} is append-only"


def immutability_ddl(dialect: str, table: str = "spends") -> tuple[str, ...]:
    """Return the statements that make a table of spends append-only on `sqlite` or `postgresql`."""
    return {"sqlite": _sqlite, "postgresql": _postgresql}[dialect](table)


def all_immutability_ddl(dialect: str) -> tuple[str, ...]:
    """Return the statements for every table of spends."""
    return tuple(statement for table in _KEYS for statement in immutability_ddl(dialect, table))


def _postgresql(table: str) -> tuple[str, ...]:
    return (
        f"""
CREATE FUNCTION {table}_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{_REASON.format(table=table)}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
""",
        f"CREATE TRIGGER {table}_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse_change()",
    )


def _sqlite(table: str) -> tuple[str, ...]:
    """INSERT OR REPLACE deletes the row in its way without firing a DELETE trigger, hence the third."""
    same = " AND ".join(f"{column} = NEW.{column}" for column in _KEYS[table])
    events = {
        "update": f"UPDATE ON {table}",
        "delete": f"DELETE ON {table}",
        "replace": f"INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})",  # noqa: S608  names of our own
    }
    return tuple(
        f"CREATE TRIGGER {table}_no_{name} BEFORE {event} "
        f"BEGIN SELECT RAISE(ABORT, '{_REASON.format(table=table)}'); END"
        for name, event in events.items()
    )
