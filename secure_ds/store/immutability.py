"""Triggers by which the database itself refuses to change what was spent.

A spend is never updated and never deleted: what was released stays released. `audit.stores.tables` does the same for
the log.
"""

from typing import Final

_TABLE: Final = "spends"
_REASON: Final = "what was spent stays spent: spends is append-only"

_POSTGRESQL: Final = (
    f"""
CREATE FUNCTION spends_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '{_REASON}' USING ERRCODE = 'integrity_constraint_violation';
END
$$
""",
    f"CREATE TRIGGER spends_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON {_TABLE} "
    "FOR EACH STATEMENT EXECUTE FUNCTION spends_refuse_change()",
)

# INSERT OR REPLACE deletes the row in its way without firing a DELETE trigger, hence the third.
_SQLITE: Final = tuple(
    f"CREATE TRIGGER spends_no_{name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{_REASON}'); END"
    for name, event in {
        "update": f"UPDATE ON {_TABLE}",
        "delete": f"DELETE ON {_TABLE}",
        "replace": f"INSERT ON {_TABLE} WHEN EXISTS "  # noqa: S608  a name of our own
        f"(SELECT 1 FROM {_TABLE} WHERE job_id = NEW.job_id AND step = NEW.step "
        "AND dataset_id = NEW.dataset_id)",
    }.items()
)


def immutability_ddl(dialect: str) -> tuple[str, ...]:
    """Return the statements that make `spends` append-only on `sqlite` or `postgresql`."""
    return {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}[dialect]
