"""The tables, in SQLAlchemy Core. `migrations/` creates them; `secure_ds.store.migrate.check` holds the two together.

Rules:
    - What must never happen is refused by the database too: reserved and spent budget above the limit, a step spent
      twice, a second model for a job, a reference to nothing.
    - `spends` and `renyi_spends` are append-only: triggers refuse UPDATE and DELETE (`secure_ds.store.immutability`).
    - Budget units (1e-12 mu^2) fit 64 bits: mu^2 stays below 10^6 for every limit that `privacy` admits.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.lifecycle import JobState
from secure_ds.jobs.prediction import PredictionState
from secure_ds.store.types import BigIntegers, Floats, JsonObject, Name, StringSet, UtcTime

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
metadata: Final = MetaData(naming_convention=NAMING)

_ID: Final = String(40)  # <prefix>_<26 characters>
_DIGEST: Final = String(71)  # sha256:<64 hex digits>
_NAME: Final = String(128)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean(), nullable=False, server_default=false())


def _one_of(column: str, values: type[JobState] | type[DatasetState] | type[PredictionState]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name="state_is_known")


def _dataset(**options: Any) -> Column[str]:
    return Column("dataset_id", _ID, ForeignKey("datasets.id"), nullable=False, **options)


def _collaboration(**options: Any) -> Column[str]:
    return Column("collaboration_id", _ID, ForeignKey("collaborations.id"), **options)


def _job(**options: Any) -> Column[str]:
    return Column("job_id", _ID, ForeignKey("jobs.id"), nullable=False, **options)


meta = Table(
    "meta",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("value", Text, nullable=False),
)

users = Table(
    "users",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False, index=True),
    Column("name", _NAME, nullable=False),
    Column("roles", StringSet, nullable=False),
    Column("purposes", StringSet, nullable=False),
    Column("clearance", Integer, CheckConstraint("clearance BETWEEN 0 AND 3", name="clearance_range"), nullable=False),
    _flag("disabled"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("user_id", _ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("secret_sha256", _DIGEST, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    _flag("revoked"),
)

collaborations = Table(
    "collaborations",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False),
    Column("creator", _ID, ForeignKey("users.id"), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("purposes", StringSet, nullable=False),
    Column("members", StringSet, nullable=False),
    Column("n_features", Integer, nullable=False),
    Column("parameters", _NAME, nullable=False),
    Column("feature_map", _NAME, nullable=False),
    Column("statement_digest", _DIGEST, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

memberships = Table(  # the members once more, one a row, to find a tenant's collaborations by
    "memberships",
    metadata,
    _collaboration(primary_key=True),
    Column("tenant", _NAME, primary_key=True, index=True),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False),
    Column("owner", _ID, ForeignKey("users.id"), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("state", Name(DatasetState), nullable=False),
    Column("sensitivity", Integer, nullable=False),
    Column("purposes", StringSet, nullable=False),
    Column("n_records", Integer, nullable=False),
    Column("n_features", Integer, nullable=False),
    Column("parameters", _NAME, nullable=False),
    Column("feature_map", _NAME, nullable=False),
    Column("descriptor_digest", _DIGEST, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("sealed_key", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("refusal_code", String(64)),
    Column("refusal_detail", Text),
    _collaboration(index=True),
    _one_of("state", DatasetState),
    Index(None, "tenant", "created_at", "id"),
)

blobs = Table(
    "blobs",
    metadata,
    _dataset(primary_key=True),
    Column("digest", _DIGEST, primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("column", Integer),
    Column("block", Integer),
    Column("bytes", BigInteger, nullable=False),
    _flag("complete"),
    UniqueConstraint("dataset_id", "kind", "column", "block"),
)

consents = Table(
    "consents",
    metadata,
    _dataset(primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _collaboration(nullable=False, index=True),
    Column("verdict", String(16), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False),
    _dataset(index=True),
    Column("submitter", _ID, ForeignKey("users.id"), nullable=False, index=True),
    Column("purpose", String(63), nullable=False),
    Column("algorithm", String(64), nullable=False),
    Column("state", Name(JobState), nullable=False),
    Column("epsilon", Float(53), nullable=False),
    Column("delta", Float(53), nullable=False),
    Column("steps_total", Integer, nullable=False),
    Column("plan", JsonObject, nullable=False),
    Column("plan_digest", _DIGEST, nullable=False),
    Column("request", JsonObject, nullable=False),
    Column("grant", LargeBinary, nullable=False),
    Column("submitted_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("failure", Text),
    _flag("cancel_requested"),
    Column("model_id", _ID),
    Column("steps_done", Integer, nullable=False),
    Column("events_done", Integer, nullable=False, server_default="0"),
    _collaboration(),
    _one_of("state", JobState),
    Index(None, "tenant", "submitted_at", "id"),
)

job_datasets = Table(
    "job_datasets",
    metadata,
    _job(primary_key=True),
    _dataset(primary_key=True, index=True),
)

budgets = Table(
    "budgets",
    metadata,
    _dataset(primary_key=True),
    Column("epsilon", Float(53), nullable=False),
    Column("delta", Float(53), nullable=False),
    Column("releases", Integer, nullable=False),
    Column("coordinates", Integer, nullable=False),
    Column("limit_units", BigInteger, nullable=False),
    Column("spent_units", BigInteger, nullable=False),
    Column("reserved_units", BigInteger, nullable=False),
    Column("spent_releases", Integer, nullable=False),
    Column("reserved_releases", Integer, nullable=False),
    CheckConstraint("spent_units >= 0 AND reserved_units >= 0", name="units_not_negative"),
    CheckConstraint("spent_releases >= 0 AND reserved_releases >= 0", name="releases_not_negative"),
    CheckConstraint("spent_units + reserved_units <= limit_units", name="units_within_limit"),
    CheckConstraint("spent_releases + reserved_releases <= releases", name="releases_within_limit"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("job_id", _ID, primary_key=True),
    Column("dataset_id", _ID, ForeignKey("budgets.dataset_id"), primary_key=True, index=True),
    Column("charges", BigIntegers, nullable=False),
    Column("reserved_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
)

spends = Table(
    "spends",
    metadata,
    Column("job_id", _ID, primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("dataset_id", _ID, ForeignKey("budgets.dataset_id"), primary_key=True, index=True),
    Column("units", BigInteger, CheckConstraint("units > 0", name="units_positive"), nullable=False),
    Column("digest", _DIGEST, nullable=False),
    Column("spent_at", UtcTime, nullable=False),
    ForeignKeyConstraint(["job_id", "dataset_id"], ["reservations.job_id", "reservations.dataset_id"]),
)

renyi_budgets = Table(  # of sealed data sets: costs are vectors, one number of 1e-12 for each Renyi order
    "renyi_budgets",
    metadata,
    _dataset(primary_key=True),
    Column("epsilon", Float(53), nullable=False),
    Column("delta", Float(53), nullable=False),
    Column("orders", Floats, nullable=False),
    Column("spent", BigIntegers, nullable=False),
    Column("reserved", BigIntegers, nullable=False),
)

renyi_reservations = Table(
    "renyi_reservations",
    metadata,
    Column("job_id", _ID, primary_key=True),
    Column("dataset_id", _ID, ForeignKey("renyi_budgets.dataset_id"), primary_key=True, index=True),
    Column("step_cost", BigIntegers, nullable=False),
    Column("steps", Integer, CheckConstraint("steps > 0", name="steps_positive"), nullable=False),
    Column("reserved_at", UtcTime, nullable=False),
    Column("settled_at", UtcTime),
)

renyi_spends = Table(
    "renyi_spends",
    metadata,
    Column("job_id", _ID, primary_key=True),
    Column("dataset_id", _ID, primary_key=True),
    Column("through", Integer, CheckConstraint("through > 0", name="through_positive"), primary_key=True),
    Column("spent_at", UtcTime, nullable=False),
    ForeignKeyConstraint(["job_id", "dataset_id"], ["renyi_reservations.job_id", "renyi_reservations.dataset_id"]),
)

job_checkpoints = Table(  # sealed by the trainer; the last one of a job
    "job_checkpoints",
    metadata,
    _job(primary_key=True),
    Column("step", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("written_at", UtcTime, nullable=False),
)

work = Table(
    "work",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("subject_id", _ID, primary_key=True),
    Column("enqueued_at", UtcTime, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("worker_id", _NAME),
    Column("domain", _NAME),
    _flag("paired"),
    Column("expires_at", UtcTime),
    Column("finished_at", UtcTime),
    Index(None, "finished_at", "enqueued_at"),
)

steps = Table(
    "steps",
    metadata,
    _job(primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("fence", BigInteger, nullable=False),
    Column("weights_digest", _DIGEST, nullable=False),
    Column("ciphertext_digest", _DIGEST, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("spent_at", UtcTime, nullable=False),
    Column("answer", BigIntegers),
)

attestations = Table(
    "attestations",
    metadata,
    _job(primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("evaluator", String(64), primary_key=True),
    Column("domain", _NAME, nullable=False),
    Column("plan_digest", _DIGEST, nullable=False),
    Column("weights_digest", _DIGEST, nullable=False),
    Column("ciphertext_digest", _DIGEST, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("attested_at", UtcTime, nullable=False),
)

events = Table(
    "events",
    metadata,
    _job(primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("event", String(64), nullable=False),
    Column("data", JsonObject, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

models = Table(
    "models",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False),
    _job(unique=True),
    _dataset(index=True),
    Column("algorithm", String(64), nullable=False),
    Column("weights", LargeBinary, nullable=False),
    Column("weights_digest", _DIGEST, nullable=False),
    Column("card", JsonObject, nullable=False),
    Column("certificate", LargeBinary),
    Column("certificate_digest", _DIGEST),
    Column("epsilon", Float(53), nullable=False),
    Column("delta", Float(53), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    _flag("released"),
    Index(None, "tenant", "created_at", "id"),
)

networks = Table(
    "networks",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False),
    Column("owner", _ID, ForeignKey("users.id"), nullable=False),
    Column("name", _NAME, nullable=False),
    Column("digest", _DIGEST, nullable=False),
    Column("file", LargeBinary, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

predictions = Table(
    "predictions",
    metadata,
    Column("id", _ID, primary_key=True),
    Column("tenant", _NAME, nullable=False),
    Column("network_id", _ID, ForeignKey("networks.id"), nullable=False, index=True),
    Column("submitter", _ID, ForeignKey("users.id"), nullable=False),
    Column("state", Name(PredictionState), nullable=False),
    Column("plan", JsonObject, nullable=False),
    Column("n_records", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("seconds", Float(53)),
    Column("failure", Text),
    _one_of("state", PredictionState),
)

prediction_files = Table(
    "prediction_files",
    metadata,
    Column("prediction_id", _ID, ForeignKey("predictions.id"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("digest", _DIGEST, nullable=False),  # two answers may be equal
    Column("bytes", BigInteger, nullable=False),
    _flag("complete"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("principal_id", _ID, primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_digest", _DIGEST, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)
