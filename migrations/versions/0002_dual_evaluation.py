"""Dual evaluation: who holds each half of a pair of work, and what evaluators attested."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.String(40)
DIGEST = sa.String(71)
NAME = sa.String(128)


def upgrade() -> None:
    """Add two columns to the queue and one table."""
    op.add_column("work", sa.Column("domain", NAME))
    op.add_column("work", sa.Column("paired", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "attestations",
        sa.Column("job_id", ID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("evaluator", sa.String(64), primary_key=True),
        sa.Column("domain", NAME, nullable=False),
        sa.Column("plan_digest", DIGEST, nullable=False),
        sa.Column("weights_digest", DIGEST, nullable=False),
        sa.Column("ciphertext_digest", DIGEST, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("attested_at", sa.DateTime(timezone=True), nullable=False),
    )
