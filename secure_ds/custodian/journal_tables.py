"""The tables of the custodian's journal, and the triggers that make them append-only. See `journal` for the rules."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

keys = Table(
    "keys",
    metadata,
    Column("dataset_id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("descriptor_digest", String, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("wrapped_secret", LargeBinary, nullable=False),
    Column("collaboration_id", String),
)
groups = Table(
    "groups",
    metadata,
    Column("collaboration_id", String, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
    Column("wrapped_secret", LargeBinary, nullable=False),
)
consents = Table(
    "consents",
    metadata,
    Column("dataset_id", String, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    PrimaryKeyConstraint("dataset_id", "number"),
)
successions = Table(
    "successions",
    metadata,
    Column("dataset_id", String, primary_key=True),
    Column("parent", String, nullable=False, unique=True),
    Column("rotation_key", LargeBinary, nullable=False),
)
checks = Table(
    "checks",
    metadata,
    Column("dataset_id", String, nullable=False),
    Column("block", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("passed", Boolean, nullable=False),
    PrimaryKeyConstraint("dataset_id", "block"),
)
spends = Table(
    "spends",
    metadata,
    Column("job_id", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("dataset_id", String, nullable=False, index=True),
    Column("key_id", String, nullable=False, index=True),
    Column("fence", BigInteger, nullable=False),
    Column("plan_digest", String, nullable=False),
    Column("weights_digest", String, nullable=False),
    Column("ciphertext_digest", String, nullable=False),
    Column("units", BigInteger, nullable=False),
    PrimaryKeyConstraint("job_id", "step", "dataset_id"),
)
confirmations = Table(
    "confirmations",
    metadata,
    Column("job_id", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("evaluator", String, nullable=False),
    Column("domain", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("job_id", "step", "evaluator"),
)
answers = Table(
    "answers",
    metadata,
    Column("job_id", String, nullable=False),
    Column("step", Integer, nullable=False),
    Column("answer", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "step"),
)
certificates = Table(
    "certificates",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("envelope", LargeBinary, nullable=False),
)
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True),
    Column("root", LargeBinary, nullable=False),
)
sealed_keys = Table(
    "sealed_keys",
    metadata,
    Column("dataset_id", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("descriptor_digest", String, nullable=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
)
sealed_sessions = Table(
    "sealed_sessions",
    metadata,
    Column("job_id", String, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("session_key", String, nullable=False, unique=True),
    Column("signing_key", String, nullable=False, unique=True),
    PrimaryKeyConstraint("job_id", "fence"),
)
sealed_charges = Table(
    "sealed_charges",
    metadata,
    Column("job_id", String, nullable=False),
    Column("dataset_id", String, nullable=False, index=True),
    Column("plan_digest", String, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("step_cost", Text, nullable=False),
    PrimaryKeyConstraint("job_id", "dataset_id"),
)
sealed_settlements = Table(
    "sealed_settlements",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("steps_spent", BigInteger, nullable=False),
    Column("statement", Text, nullable=False),
    Column("signature", String, nullable=False),
)
outbox = Table(
    "outbox",
    metadata,
    Column("event_id", String, primary_key=True),
    Column("draft", Text, nullable=False),
)
delivered = Table("delivered", metadata, Column("event_id", String, primary_key=True))


def refuse_changes(connection: Connection, table: str) -> None:
    """Have the database refuse UPDATE and DELETE on a table."""
    for verb in ("UPDATE", "DELETE"):
        connection.execute(
            text(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
            )
        )
