"""A rotated key, end to end: the successor trains on files that were never sent again, within what was left.

Every defence is asked for twice, of the service and of the custodian behind it.
"""

import base64
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.query import EntryFilter
from secure_ds.ckks.profiles import STATISTICS
from secure_ds.ckks.record_grid import on_grid
from secure_ds.client.package import Package
from secure_ds.client.recheck import recheck, require_certified
from secure_ds.client.rotation import write_rotation
from secure_ds.client.verify import verify_model
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller, Role
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.records import Records
from secure_ds.data.signed import open_own_descriptor
from secure_ds.data.signed_descriptor import sign_descriptor
from secure_ds.services.context import CustodyRefused
from secure_ds.services.errors import (
    AccessDenied,
    GrantRefused,
    InvalidDescriptor,
    NotFound,
    PlanInvalid,
    StateConflict,
)
from secure_ds.training.encrypted.least_squares.evaluation import LeastSquaresEvaluator
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan
from secure_ds.training.encrypted.least_squares.twin import clear_answer
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.custodian import KeyRegistration
from secure_ds.wire.datasets import DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from tests.custodian.test_server import secrets_of
from tests.installation import PURPOSE, Installation, random_records

EPSILON, LIMIT, DECRYPTIONS, MORE = 1.0, 2.0, 3, 5
SETTINGS = {"radius": 4.0, "learning_rate": 4.5}


@dataclass
class Owner:
    """Somebody with a ready data set whose key has answered twice of three times."""

    installation: Installation
    caller: Caller
    upload_key: Ed25519PrivateKey
    parent: DatasetDescriptor

    def train(self, dataset_id: str, steps: int, epsilon: float = EPSILON):
        """Train, and return the finished job."""
        job = self.installation.submit(self.caller, dataset_id, epsilon=epsilon, steps=steps, **SETTINGS)
        self.installation.run()
        done = self.installation.services.show_job(self.caller, job.id)
        assert (done.state, done.failure) == ("succeeded", None)
        return done

    def written(self, parent: DatasetDescriptor | None = None, more: int = MORE) -> Path:
        """Write a rotation on the owner's machine."""
        directory = self.installation.home / new_id("req")
        point = base64.b64decode(self.installation.services.public_keys().sealing_key)
        custodian = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        write_rotation(directory, parent or self.parent, more, custodian, self.upload_key)
        return directory

    def send(self, directory: Path, caller: Caller | None = None, sensitivity: int = 2) -> DatasetView:
        """Send it to the service."""
        body = DatasetCreate(
            envelope=Envelope(**json.loads((directory / "descriptor.json").read_bytes())),
            sealed_key=base64.b64encode((directory / "sealed_key.bin").read_bytes()).decode(),
            name="patients",
            sensitivity=sensitivity,
        )
        return self.installation.services.register_dataset(caller or self.caller, body, None)

    def rotate(self, parent: DatasetDescriptor | None = None, more: int = MORE) -> DatasetView:
        """Rotate the key."""
        return self.send(self.written(parent, more))


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return owner_of(Installation(tmp_path, f"sqlite:///{tmp_path}/service.db"), random_records(), epsilon=LIMIT)


def owner_of(installation: Installation, records: Records, **choices: object) -> Owner:
    """Take records the whole way to a data set that is ready, and keep the key that signed it."""
    caller, key, directory = installation.caller("alice"), Ed25519PrivateKey.generate(), installation.home / "package"
    package = installation.encrypt(directory, records, key, max_decryptions=DECRYPTIONS, **choices)
    installation.register(caller, package, directory)
    installation.upload(caller, package)
    installation.services.finish_upload(caller, package.descriptor.dataset_id)
    installation.run()
    return Owner(installation, caller, key, Package(directory, key.public_key()).descriptor)


def descriptor_of(owner: Owner, view: DatasetView) -> DatasetDescriptor:
    envelope = owner.installation.services.show_descriptor(owner.caller, view.id)
    return open_own_descriptor(envelope.model_dump_json().encode())


def test_the_successor_trains_is_certified_and_rechecked_with_the_parents_files(owner: Owner) -> None:
    before = owner.train(owner.parent.dataset_id, steps=2)
    child = owner.rotate()
    assert (child.state, child.blobs_missing, child.norms) == ("ready", 0, "verified")
    done = owner.train(child.id, steps=4)
    services, context = owner.installation.services, owner.installation.context
    certificate = services.download_certificate(owner.caller, done.model_id or "")
    report = verify_model(
        certificate, services.download_weights(owner.caller, done.model_id or ""), services.public_keys()
    )
    assert report.passed, report.checks
    assert report.claims is not None
    assert report.claims.data[0].rotation_key == child.rotation_key
    custody = report.claims.custody
    assert (custody.max_decryptions, custody.prior_decryptions, custody.decryptions_used) == (MORE, DECRYPTIONS, 4)
    descriptor, plan = descriptor_of(owner, child), plan_from_json(done.plan)
    steps = services.list_steps(owner.caller, done.id).items
    require_certified(report.claims, done.id, [descriptor.digest], plan, steps)
    again = recheck([stored_blocks(context, descriptor)], plan, steps, [0, 3])
    assert [step.agrees for step in again] == [True, True]
    old = recheck(
        [stored_blocks(context, owner.parent)],
        plan_from_json(before.plan),
        services.list_steps(owner.caller, before.id).items,
        [1],
    )
    assert [step.agrees for step in old] == [True]


def test_least_squares_is_rounded_as_exactly_under_the_new_key(tmp_path: Path) -> None:
    """One switching more, within the proven half of a unit: the answer is the clear-text twin's to the bit."""
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/service.db", noise=random.Random(7))
    X = np.random.default_rng(1).uniform(-1, 1, (100, 3))
    records = Records({**{f"x{index}": X[:, index] for index in range(3)}, "label": X.argmax(axis=1).astype(float)})
    owner = owner_of(installation, records, profile=STATISTICS, classes=("a", "b", "c"))
    child = owner.rotate()
    job = installation.submit(owner.caller, child.id, epsilon=EPSILON, algorithm="encrypted_least_squares")
    installation.run()
    done = installation.services.show_job(owner.caller, job.id)
    assert (done.state, done.failure) == ("succeeded", None)
    plan, steps = plan_from_json(done.plan), installation.services.list_steps(owner.caller, job.id).items
    assert isinstance(plan, LeastSquaresPlan)
    assert plan.facts.keying.rotated
    together = LeastSquaresEvaluator(plan, [stored_blocks(installation.context, descriptor_of(owner, child))], 2)
    assert len(together.step(np.zeros(1))) == len(plan.releases(0))  # helpers read the parent's files too
    mapped = on_grid(owner.parent.feature_map.apply(records))
    expected = clear_answer(plan, mapped, records.columns["label"].astype(np.int64), random.Random(7))
    assert [int(value) for value in steps[0].answer or ()] == expected


def test_no_file_but_the_rotation_key_is_stored_again(owner: Owner) -> None:
    child = owner.rotate()
    folder = owner.installation.home / "blobs" / child.id
    assert [path.name for path in folder.iterdir()] == [(child.rotation_key or "").removeprefix("sha256:")]
    one = owner.parent.blocks[0]
    pieces = owner.installation.services.download_blob(owner.caller, child.id, one.digest)
    assert len(b"".join(pieces)) == one.bytes


def test_what_was_spent_stays_spent_and_the_new_key_counts_from_zero(owner: Owner) -> None:
    owner.train(owner.parent.dataset_id, steps=2)
    services = owner.installation.services
    before = services.show_budget(owner.caller, owner.parent.dataset_id)
    child = owner.rotate()
    after = services.show_budget(owner.caller, child.id)
    assert after.mu_squared_spent == before.mu_squared_spent > 0
    assert (after.decryptions_used, after.decryptions_limit, after.decryptions_prior) == (0, MORE, DECRYPTIONS)
    assert after.tau == DECRYPTIONS + MORE
    request = TrainingRequest(dataset_id=child.id, purpose=PURPOSE, epsilon=LIMIT, delta=1e-5, steps=1, **SETTINGS)
    assert "epsilon" in services.quote_job(owner.caller, request).refusals[0]  # by the service's ledger
    with pytest.raises(GrantRefused, match="limits that the owner of"):  # by the custodian's journal
        owner.installation.submit(owner.caller, child.id, epsilon=LIMIT, steps=1, **SETTINGS)
    with pytest.raises(PlanInvalid, match=f"only ever decrypt {MORE}"):
        owner.installation.submit(owner.caller, child.id, epsilon=0.5, steps=MORE + 1, **SETTINGS)


def test_the_parent_answers_nothing_more(owner: Owner) -> None:
    owner.rotate()
    services = owner.installation.services
    assert services.show_dataset(owner.caller, owner.parent.dataset_id).state == "rotated"
    with pytest.raises(AccessDenied):
        owner.installation.submit(owner.caller, owner.parent.dataset_id, epsilon=0.5, steps=1, **SETTINGS)


def test_the_custodian_refuses_the_old_key_whatever_the_service_says(owner: Owner) -> None:
    """The parent's job is admitted, the key rotated behind the service's back: not one more answer."""
    job = owner.installation.submit(owner.caller, owner.parent.dataset_id, epsilon=EPSILON, steps=2, **SETTINGS)
    directory = owner.written()
    message = KeyRegistration(
        envelope=Envelope(**json.loads((directory / "descriptor.json").read_bytes())),
        sealed_key=base64.b64encode((directory / "sealed_key.bin").read_bytes()).decode(),
        owner="alice",
    )
    first = owner.installation.context.custody.register(message).rotation_key
    assert first == owner.installation.context.custody.register(message).rotation_key
    owner.installation.run()
    done = owner.installation.services.show_job(owner.caller, job.id)
    assert done.state == "failed"
    assert "key_rotated" in (done.failure or "")
    assert owner.installation.custodian.journal.releases(owner.parent.dataset_id) == 0


def test_the_custodian_hands_out_neither_secret_with_the_rotation_key(owner: Owner) -> None:
    child, custodian = owner.rotate(), owner.installation.custodian
    public = custodian.journal.rotation_key(child.id) or b""
    for dataset_id in (owner.parent.dataset_id, child.id):
        forbidden = secrets_of(custodian, dataset_id)
        assert forbidden
        assert not any(secret in held for secret in forbidden for held in (public, base64.b64encode(public)))


def test_a_key_is_rotated_once_and_lines_go_on(owner: Owner) -> None:
    owner.train(owner.parent.dataset_id, steps=1, epsilon=0.5)
    child = owner.rotate()
    with pytest.raises(AccessDenied):
        owner.rotate()
    with pytest.raises(CustodyRefused, match="rotated already"):
        directory = owner.written()
        owner.installation.context.custody.register(
            KeyRegistration(
                envelope=Envelope(**json.loads((directory / "descriptor.json").read_bytes())),
                sealed_key=base64.b64encode((directory / "sealed_key.bin").read_bytes()).decode(),
                owner="alice",
            )
        )
    owner.train(child.id, steps=1, epsilon=0.5)
    grandchild = owner.rotate(descriptor_of(owner, child), more=2)
    descriptor = descriptor_of(owner, grandchild)
    assert (descriptor.files_of, descriptor.prior_decryptions) == (owner.parent.dataset_id, DECRYPTIONS + MORE)
    owner.train(grandchild.id, steps=1, epsilon=0.5)
    journal = owner.installation.custodian.journal
    assert journal.line(grandchild.id) == [grandchild.id, child.id, owner.parent.dataset_id]
    spent = owner.installation.services.show_budget(owner.caller, grandchild.id).mu_squared_spent
    assert spent == pytest.approx(journal.units_spent(journal.line(grandchild.id)) / 1e12)


def test_jobs_under_way_hold_a_rotation_up(owner: Owner) -> None:
    owner.installation.submit(owner.caller, owner.parent.dataset_id, epsilon=EPSILON, steps=2, **SETTINGS)
    with pytest.raises(StateConflict, match="under way"):
        owner.rotate()
    owner.installation.run()
    assert owner.rotate().state == "ready"


FORGERIES = {
    "a wider budget": {"limits": {"epsilon": 3.0, "delta": 1e-5, "purposes": ["research"], "max_decryptions": MORE}},
    "fewer prior decryptions": {"prior_decryptions": 1},
    "another scale": {"input_scale": (2.0**31).hex()},
    "records renamed": {"n_records": 5},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_successor_that_differs_in_more_than_its_key_is_refused_by_both(owner: Owner, forgery: str) -> None:
    directory = owner.written()
    honest = json.loads(base64.b64decode(json.loads((directory / "descriptor.json").read_bytes())["payload"]))
    change = FORGERIES[forgery]
    rotation = honest["rotation"] | {k: v for k, v in change.items() if k == "prior_decryptions"}
    fields = honest | {k: v for k, v in change.items() if k != "prior_decryptions"} | {"rotation": rotation}
    forged = sign_descriptor(DatasetDescriptor.model_validate_json(json.dumps(fields)), owner.upload_key)
    (directory / "descriptor.json").write_bytes(forged)
    with pytest.raises(InvalidDescriptor, match="not the successor"):
        owner.send(directory)
    with pytest.raises(CustodyRefused, match="not the successor"):
        owner.installation.context.custody.register(
            KeyRegistration(
                envelope=Envelope(**json.loads(forged)),
                sealed_key=base64.b64encode((directory / "sealed_key.bin").read_bytes()).decode(),
                owner="alice",
            )
        )
    assert owner.installation.services.show_dataset(owner.caller, owner.parent.dataset_id).state == "ready"


def test_only_the_owner_rotates(owner: Owner) -> None:
    directory = owner.written()
    colleague = owner.installation.caller("bob", Role.DATA_OWNER)
    stranger = owner.installation.caller("mallory", Role.DATA_OWNER, tenant="other")
    with pytest.raises(AccessDenied):
        owner.send(directory, colleague)
    with pytest.raises((InvalidDescriptor, NotFound)):
        owner.send(directory, stranger)
    with pytest.raises(InvalidDescriptor, match="sensitive"):
        owner.send(directory, sensitivity=0)


def test_the_log_tells_the_story(owner: Owner) -> None:
    child = owner.rotate()
    with owner.installation.store.read() as work:
        (rotated,) = work.audit.search(EntryFilter("clinic", action="dataset:rotate"))
        registered = work.audit.search(EntryFilter("clinic", action="key:register"))
        details = rotated.read().draft.details
        keys = {entry.read().draft.dataset_id: entry.read().draft.details for entry in registered}
    assert details == {"successor": child.id, "rotation_key": child.rotation_key}
    assert keys[child.id]["parent"] == owner.parent.dataset_id
    assert keys[child.id]["rotation_key"] == child.rotation_key
