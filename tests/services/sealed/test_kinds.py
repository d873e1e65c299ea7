"""Every kind of records and every unit goes the whole way: images, tokens, and users with several rows."""

from pathlib import Path

import numpy as np
import pytest

from secure_ds.client.verify import verify_model
from secure_ds.data.records import Records
from secure_ds.data.sealed.schema import ImageSchema, Label, Schema, TokenSchema, UserUnit
from secure_ds.wire.jobs import SealedTraining
from secure_ds.wire.sealed_certificate import SealedPredicate
from tests.sealed_jobs import TABLE, sealed_owner, table_records

SMALL = {"sampler": "truncated_poisson", "optimiser": "dp_adam", "clipping": "automatic"}
USERS = TABLE.model_copy(update={"privacy_unit": UserUnit(column="user", rows_per_unit=3)})
IMAGES = ImageSchema(column="image", channels=1, height=8, width=8, label=Label(column="label", classes=("0", "1")))
TOKENS = TokenSchema(column="text", context=12)
TRANSFORMER = {
    "family": "transformer",
    "task": "causal_lm",
    "vocabulary": 256,
    "context": 12,
    "layers": 1,
    "width": 16,
    "heads": 2,
    "tied": True,
}


def _users() -> Records:
    """90 users with one to three rows each."""
    users = np.repeat([f"user-{number}" for number in range(90)], np.tile([1, 2, 3], 30))
    return Records({**table_records(n=len(users)).columns, "user": users})


def _images() -> Records:
    draw = np.random.default_rng(3)
    labels = draw.integers(0, 2, 120)
    images = draw.integers(0, 100, (120, 1, 8, 8)) + 120 * labels[:, None, None, None]
    return Records({"image": images.astype(np.uint8), "label": labels})


def _texts() -> Records:
    return Records({"text": np.array([f"the cat sat {number:03d} times" for number in range(120)])})


@pytest.mark.parametrize(
    ("schema", "records", "model", "unit"),
    [
        (USERS, _users, None, "user with up to 3 records"),
        (IMAGES, _images, None, "record"),
        (TOKENS, _texts, TRANSFORMER, "record"),
    ],
    ids=["users", "images", "tokens"],
)
def test_a_job_on_every_kind(tmp_path: Path, schema: Schema, records, model, unit: str) -> None:  # type: ignore[no-untyped-def]
    owner = sealed_owner(tmp_path)
    services, descriptor = owner.installation.services, owner.ready(schema=schema, records=records())
    sealed = SealedTraining(batch_size=24, model=model, **SMALL)
    done = owner.finished(owner.submit(descriptor.dataset_id, steps=3, sealed=sealed))
    assert (done.state, done.failure) == ("succeeded", None)
    weights = services.download_weights(owner.caller, done.model_id or "")
    certificate = services.download_certificate(owner.caller, done.model_id or "")
    report = verify_model(certificate, weights, services.public_keys())
    assert report.passed, report.checks
    assert isinstance(report.claims, SealedPredicate)
    assert (report.claims.privacy.unit, report.claims.data[0].n_units) == (unit, descriptor.n_units)
