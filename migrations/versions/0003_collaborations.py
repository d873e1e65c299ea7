"""Several owners in one job: collaborations, consents, and a ledger entry for every data set of a step.

`reservations` and `spends` get the data set into their keys. SQLite cannot change a key, so both are made anew with the
rows they had; the triggers that keep `spends` immutable go with the old table and are made anew too.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from secure_ds.store.immutability import immutability_ddl

revision = "0003"
down_revision = "0002"

ID = sa.String(40)
DIGEST = sa.String(71)
NAME = sa.String(128)
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the new tables and widen the ledger's keys."""
    _create_collaborations()
    for table in ("datasets", "jobs"):
        _refer_to_collaboration(table)
    op.create_index(op.f("ix_datasets_collaboration_id"), "datasets", ["collaboration_id"])
    _create_consents()
    _create_job_datasets()
    _widen_ledger()


def _create_collaborations() -> None:
    op.create_table(
        "collaborations",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False),
        sa.Column("creator", ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("members", sa.Text, nullable=False),
        sa.Column("n_features", sa.Integer, nullable=False),
        sa.Column("parameters", NAME, nullable=False),
        sa.Column("feature_map", NAME, nullable=False),
        sa.Column("statement_digest", DIGEST, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    op.create_table(
        "memberships",
        sa.Column("collaboration_id", ID, sa.ForeignKey("collaborations.id"), primary_key=True),
        sa.Column("tenant", NAME, primary_key=True, index=True),
    )


def _refer_to_collaboration(table: str) -> None:
    """Add the column as SQLite can: with its reference inside."""
    name = f"fk_{table}_collaboration_id_collaborations"
    op.execute(
        f"ALTER TABLE {table} ADD COLUMN collaboration_id VARCHAR(40) CONSTRAINT {name} REFERENCES collaborations (id)"
    )


def _create_consents() -> None:
    op.create_table(
        "consents",
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("collaboration_id", ID, sa.ForeignKey("collaborations.id"), nullable=False, index=True),
        sa.Column("verdict", sa.String(16), nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )


def _create_job_datasets() -> None:
    op.create_table(
        "job_datasets",
        sa.Column("job_id", ID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), primary_key=True, index=True),
    )
    op.execute("INSERT INTO job_datasets (job_id, dataset_id) SELECT id, dataset_id FROM jobs")


def _widen_ledger() -> None:
    kept = {name: _rows(name) for name in ("reservations", "spends")}
    op.drop_table("spends")
    op.drop_table("reservations")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION spends_refuse_change()")
    tables = (_create_reservations(), _create_spends())
    for table in tables:
        op.bulk_insert(table, kept[table.name])
    for statement in immutability_ddl(op.get_bind().dialect.name):
        op.execute(statement)


def _rows(table: str) -> list[dict[str, Any]]:
    found = sa.Table(table, sa.MetaData(), autoload_with=op.get_bind())
    return [dict(row) for row in op.get_bind().execute(sa.select(found)).mappings()]


def _create_reservations() -> sa.Table:
    return op.create_table(
        "reservations",
        sa.Column("job_id", ID, primary_key=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("budgets.dataset_id"), primary_key=True, index=True),
        sa.Column("charges", sa.Text, nullable=False),
        sa.Column("reserved_at", TIME, nullable=False),
        sa.Column("settled_at", TIME),
    )


def _create_spends() -> sa.Table:
    return op.create_table(
        "spends",
        sa.Column("job_id", ID, primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("budgets.dataset_id"), primary_key=True, index=True),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("spent_at", TIME, nullable=False),
        sa.CheckConstraint("units > 0", name="units_positive"),
        sa.ForeignKeyConstraint(["job_id", "dataset_id"], ["reservations.job_id", "reservations.dataset_id"]),
    )
