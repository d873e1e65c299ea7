"""Encrypted predictions: networks that were handed in, requests to apply them, and the files of those."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

ID = sa.String(40)
DIGEST = sa.String(71)
NAME = sa.String(128)
TIME = sa.DateTime(timezone=True)
STATES = "'uploading', 'queued', 'done', 'failed'"


def upgrade() -> None:
    """Create three tables."""
    op.create_table(
        "networks",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False),
        sa.Column("owner", ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("file", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )
    _create_predictions()
    op.create_table(
        "prediction_files",
        sa.Column("prediction_id", ID, sa.ForeignKey("predictions.id"), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def _create_predictions() -> None:
    op.create_table(
        "predictions",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False),
        sa.Column("network_id", ID, sa.ForeignKey("networks.id"), nullable=False, index=True),
        sa.Column("submitter", ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("n_records", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("seconds", sa.Float(53)),
        sa.Column("failure", sa.Text),
        sa.CheckConstraint(f"state IN ({STATES})", name="state_is_known"),
    )
