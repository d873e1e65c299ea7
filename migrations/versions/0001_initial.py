"""The first schema: principals, data sets, budgets, jobs, models, and the audit log.

Names of constraints follow the conventions in `secure_ds.store.tables`. Later migrations must not rebuild `spends` or
the audit tables on SQLite without making their triggers anew: a rebuilt table has none.
"""

import sqlalchemy as sa
from alembic import op

from audit.stores.tables import head_seed
from audit.stores.tables import immutability_ddl as audit_immutability_ddl
from secure_ds.store.immutability import immutability_ddl

revision = "0001"
down_revision = None

ID = sa.String(40)
DIGEST = sa.String(71)
NAME = sa.String(128)
AUDIT_NAME = sa.String(200)
TIME = sa.DateTime(timezone=True)
REAL = sa.Float(53)


def upgrade() -> None:
    """Create everything."""
    _create_principals()
    _create_datasets()
    _create_jobs()
    _create_ledger()
    _create_training()
    _create_audit()
    _make_immutable()


def _create_principals() -> None:
    op.create_table(
        "meta",
        sa.Column("name", NAME, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False, index=True),
        sa.Column("name", NAME, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("clearance", sa.Integer, nullable=False),
        sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.CheckConstraint("clearance BETWEEN 0 AND 3", name="clearance_range"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", ID, primary_key=True),
        sa.Column("user_id", ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("secret_sha256", DIGEST, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("revoked", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_table(
        "idempotency",
        sa.Column("principal_id", ID, primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("request_digest", DIGEST, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )


def _create_datasets() -> None:
    op.create_table(
        "datasets",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False),
        sa.Column("owner", ID, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sensitivity", sa.Integer, nullable=False),
        sa.Column("purposes", sa.Text, nullable=False),
        sa.Column("n_records", sa.Integer, nullable=False),
        sa.Column("n_features", sa.Integer, nullable=False),
        sa.Column("parameters", NAME, nullable=False),
        sa.Column("feature_map", NAME, nullable=False),
        sa.Column("descriptor_digest", DIGEST, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("sealed_key", sa.LargeBinary, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("refusal_code", sa.String(64)),
        sa.Column("refusal_detail", sa.Text),
        sa.CheckConstraint("state IN ('uploading', 'checking', 'ready', 'refused', 'rotated')", name="state_is_known"),
    )
    op.create_index(op.f("ix_datasets_tenant_created_at_id"), "datasets", ["tenant", "created_at", "id"])
    op.create_table(
        "blobs",
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), primary_key=True),
        sa.Column("digest", DIGEST, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("column", sa.Integer),
        sa.Column("block", sa.Integer),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("dataset_id", "kind", "column", "block"),
    )


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False),
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), nullable=False, index=True),
        sa.Column("submitter", ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("purpose", sa.String(63), nullable=False),
        sa.Column("algorithm", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("epsilon", REAL, nullable=False),
        sa.Column("delta", REAL, nullable=False),
        sa.Column("steps_total", sa.Integer, nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("plan_digest", DIGEST, nullable=False),
        sa.Column("request", sa.Text, nullable=False),
        sa.Column("grant", sa.LargeBinary, nullable=False),
        sa.Column("submitted_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("failure", sa.Text),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("model_id", ID),
        sa.Column("steps_done", sa.Integer, nullable=False),
        sa.Column("events_done", sa.Integer, nullable=False, server_default="0"),
        sa.CheckConstraint(
            "state IN ('submitted', 'admitted', 'queued', 'running', 'succeeded', 'failed', 'cancelled', 'rejected')",
            name="state_is_known",
        ),
    )
    op.create_index(op.f("ix_jobs_tenant_submitted_at_id"), "jobs", ["tenant", "submitted_at", "id"])
    op.create_table(
        "work",
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("subject_id", ID, primary_key=True),
        sa.Column("enqueued_at", TIME, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("worker_id", NAME),
        sa.Column("expires_at", TIME),
        sa.Column("finished_at", TIME),
    )
    op.create_index(op.f("ix_work_finished_at_enqueued_at"), "work", ["finished_at", "enqueued_at"])
    op.create_table(
        "events",
        sa.Column("job_id", ID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
    )


def _create_ledger() -> None:
    op.create_table(
        "budgets",
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), primary_key=True),
        sa.Column("epsilon", REAL, nullable=False),
        sa.Column("delta", REAL, nullable=False),
        sa.Column("releases", sa.Integer, nullable=False),
        sa.Column("coordinates", sa.Integer, nullable=False),
        sa.Column("limit_units", sa.BigInteger, nullable=False),
        sa.Column("spent_units", sa.BigInteger, nullable=False),
        sa.Column("reserved_units", sa.BigInteger, nullable=False),
        sa.Column("spent_releases", sa.Integer, nullable=False),
        sa.Column("reserved_releases", sa.Integer, nullable=False),
        sa.CheckConstraint("spent_units >= 0 AND reserved_units >= 0", name="units_not_negative"),
        sa.CheckConstraint("spent_releases >= 0 AND reserved_releases >= 0", name="releases_not_negative"),
        sa.CheckConstraint("spent_units + reserved_units <= limit_units", name="units_within_limit"),
        sa.CheckConstraint("spent_releases + reserved_releases <= releases", name="releases_within_limit"),
    )
    op.create_table(
        "reservations",
        sa.Column("job_id", ID, primary_key=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("budgets.dataset_id"), nullable=False, index=True),
        sa.Column("charges", sa.Text, nullable=False),
        sa.Column("reserved_at", TIME, nullable=False),
        sa.Column("settled_at", TIME),
    )
    op.create_table(
        "spends",
        sa.Column("job_id", ID, sa.ForeignKey("reservations.job_id"), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("budgets.dataset_id"), nullable=False, index=True),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("spent_at", TIME, nullable=False),
        sa.CheckConstraint("units > 0", name="units_positive"),
    )


def _create_training() -> None:
    op.create_table(
        "steps",
        sa.Column("job_id", ID, sa.ForeignKey("jobs.id"), primary_key=True),
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("weights_digest", DIGEST, nullable=False),
        sa.Column("ciphertext_digest", DIGEST, nullable=False),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.Column("spent_at", TIME, nullable=False),
        sa.Column("answer", sa.Text),
    )
    op.create_table(
        "models",
        sa.Column("id", ID, primary_key=True),
        sa.Column("tenant", NAME, nullable=False),
        sa.Column("job_id", ID, sa.ForeignKey("jobs.id"), nullable=False, unique=True),
        sa.Column("dataset_id", ID, sa.ForeignKey("datasets.id"), nullable=False, index=True),
        sa.Column("algorithm", sa.String(64), nullable=False),
        sa.Column("weights", sa.LargeBinary, nullable=False),
        sa.Column("weights_digest", DIGEST, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("certificate", sa.LargeBinary),
        sa.Column("certificate_digest", DIGEST),
        sa.Column("epsilon", REAL, nullable=False),
        sa.Column("delta", REAL, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index(op.f("ix_models_tenant_created_at_id"), "models", ["tenant", "created_at", "id"])


def _create_audit() -> None:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")  # only an INTEGER key is SQLite's row id
    searched = ["dataset_id", "job_id", "model_id", "object_id", "request_id"]
    op.create_table(
        "audit_entries",
        sa.Column("entry_index", key, primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("event_id", AUDIT_NAME, unique=True),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("actor_id", AUDIT_NAME, nullable=False),
        sa.Column("tenant", AUDIT_NAME),
        sa.Column("action", AUDIT_NAME, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        *(sa.Column(name, AUDIT_NAME) for name in searched),
        sa.Column("search_text", sa.Text, nullable=False),
    )
    for name in ["tenant", "actor_id", "action", "outcome", *searched]:
        op.create_index(op.f(f"ix_audit_entries_{name}_entry_index"), "audit_entries", [name, "entry_index"])
    op.create_index(op.f("ix_audit_entries_time_us"), "audit_entries", ["time_us"])
    op.create_table(
        "audit_nodes",
        sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="single_row"),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("size", key, primary_key=True, autoincrement=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.execute(head_seed())


def _make_immutable() -> None:
    dialect = op.get_bind().dialect.name
    for statement in (*immutability_ddl(dialect), *audit_immutability_ddl(dialect)):
        op.execute(statement)
