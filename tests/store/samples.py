"""Rows that fit together, with the fields a test cares about given by name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from secure_ds.core.ids import new_id
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.lifecycle import JobState
from secure_ds.privacy.ledger import Limit
from secure_ds.store.rows import BlobRow, CollaborationRow, DatasetRow, JobRow, ModelRow, StepRow, UserRow
from secure_ds.store.unit_of_work import Store

NOON = datetime(2030, 1, 2, 12, 0, 0, 123456, tzinfo=UTC)
LIMIT = Limit(epsilon=3.0, delta=1e-5, releases=64, coordinates=31)


class HandClock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        """Return the time it was set to."""
        return self.time

    def advance(self, seconds: float) -> None:
        """Move it forward."""
        self.time += timedelta(seconds=seconds)


def digest(number: int) -> str:
    """Return a well-formed digest string."""
    return f"sha256:{number:064x}"


def user(**fields: Any) -> UserRow:
    """Return a user of tenant `acme`."""
    return replace(
        UserRow(new_id("user"), "acme", "Ada", frozenset({"data_owner"}), frozenset({"research", "care"}), 2), **fields
    )


def dataset(owner: str, **fields: Any) -> DatasetRow:
    """Return a data set that is being uploaded."""
    row = DatasetRow(
        id=new_id("ds"), tenant="acme", owner=owner, name="patients", state=DatasetState.UPLOADING, sensitivity=2,
        purposes=frozenset({"research"}), n_records=569, n_features=30, parameters="n8192", feature_map="unit-ball",
        descriptor_digest=digest(1), created_at=NOON, envelope=b"\x00envelope", sealed_key=b"\xffsealed",
    )  # fmt: skip
    return replace(row, **fields)


def collaboration(creator: str, **fields: Any) -> CollaborationRow:
    """Return a collaboration of `acme` and `globex`."""
    row = CollaborationRow(
        id=new_id("collab"), tenant="acme", creator=creator, name="wards", purposes=frozenset({"research"}),
        members=frozenset({"acme", "globex"}), n_features=30, parameters="n8192", feature_map="unit-ball",
        statement_digest=digest(2), envelope=b"\x00statement", created_at=NOON,
    )  # fmt: skip
    return replace(row, **fields)


def blob(number: int, **fields: Any) -> BlobRow:
    """Return a blob of the data set: column `number`, block 0."""
    return replace(BlobRow(digest(number), "ciphertext", number, 0, 1000), **fields)


def job(dataset_id: str, submitter: str, **fields: Any) -> JobRow:
    """Return a job that was just submitted."""
    row = JobRow(
        id=new_id("job"), tenant="acme", dataset_id=dataset_id, submitter=submitter, purpose="research",
        algorithm="encrypted_logistic_regression", state=JobState.SUBMITTED, epsilon=1.0, delta=1e-5, steps_total=3,
        plan={"steps": 3, "sigma": 0.1, "nested": {"rate": 1e-300}}, plan_digest=digest(2), request={"epsilon": 1.0},
        grant=b"grant", submitted_at=NOON,
    )  # fmt: skip
    return replace(row, **fields)


def step(job_id: str, number: int, **fields: Any) -> StepRow:
    """Return a step that was just paid for."""
    return replace(StepRow(job_id, number, 1, digest(10 + number), digest(20 + number), 5, NOON), **fields)


def model(job_id: str, dataset_id: str, **fields: Any) -> ModelRow:
    """Return a model without a certificate."""
    row = ModelRow(
        id=new_id("model"), tenant="acme", job_id=job_id, dataset_id=dataset_id, algorithm="logistic",
        weights=b"\x01\x02", weights_digest=digest(3), card={"title": "a model"}, epsilon=1.0, delta=1e-5,
        created_at=NOON,
    )  # fmt: skip
    return replace(row, **fields)


def add_dataset(store: Store, **fields: Any) -> DatasetRow:
    """Add a data set with its owner and return it."""
    owner = user(tenant=fields.get("tenant", "acme"))
    row = dataset(owner.id, **fields)
    with store.write() as unit:
        unit.users.add(owner)
        unit.datasets.add(row)
    return row


def add_job(store: Store, **fields: Any) -> JobRow:
    """Add a job with its data set and return it."""
    parent = add_dataset(store, tenant=fields.get("tenant", "acme"))
    row = job(parent.id, parent.owner, **fields)
    with store.write() as unit:
        unit.jobs.add(row)
    return row
