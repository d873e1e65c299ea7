"""Sealed training: Renyi budgets, what jobs reserved and spent of them, and the sealed checkpoints of jobs."""

import sqlalchemy as sa
from alembic import op

from secure_ds.store.immutability import immutability_ddl

revision = "0005"
down_revision = "0004"

ID = sa.String(40)
TIME = sa.DateTime(timezone=True)
REAL = sa.Float(53)


def upgrade() -> None:
    """Create four tables."""
    _create_budgets()
    _create_spends()
    op.create_table(
        "job_checkpoints",
        sa.Column("job_id", ID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("written_at", TIME, nullable=False),
    )
    for statement in immutability_ddl(op.get_bind().dialect.name, "renyi_spends"):
        op.execute(statement)


def _create_budgets() -> None:
    op.create_table(
        "renyi_budgets",
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), primary_key=True),
        sa.Column("epsilon", REAL, nullable=False),
        sa.Column("delta", REAL, nullable=False),
        sa.Column("orders", sa.Text, nullable=False),
        sa.Column("spent", sa.Text, nullable=False),
        sa.Column("reserved", sa.Text, nullable=False),
    )
    op.create_table(
        "renyi_reservations",
        sa.Column("job_id", ID, primary_key=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("renyi_budgets.dataset_id"), primary_key=True, index=True),
        sa.Column("step_cost", sa.Text, nullable=False),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("reserved_at", TIME, nullable=False),
        sa.Column("settled_at", TIME),
        sa.CheckConstraint("steps > 0", name="steps_positive"),
    )


def _create_spends() -> None:
    op.create_table(
        "renyi_spends",
        sa.Column("job_id", ID, primary_key=True),
        sa.Column("dataset_id", ID, primary_key=True),
        sa.Column("through", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("spent_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id", "dataset_id"], ["renyi_reservations.job_id", "renyi_reservations.dataset_id"]
        ),
        sa.CheckConstraint("through > 0", name="through_positive"),
    )
