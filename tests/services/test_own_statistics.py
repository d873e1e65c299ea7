"""Statistics without noise: exact, for the data's owner alone, at no cost; nothing iterative runs without noise."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from policies.enforcement import Denied
from secure_ds.ckks.profiles import STATISTICS
from secure_ds.ckks.record_grid import on_grid
from secure_ds.client.own_statistics import NotOwnStatistics, own_model
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller, Role
from secure_ds.core.private_keys import public_point
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.services.context import CustodyRefused
from secure_ds.services.errors import AccessDenied, PlanInvalid
from secure_ds.training.encrypted.least_squares.moments import exact_units
from secure_ds.training.encrypted.least_squares.plan import OwnStatisticsPlan
from secure_ds.training.encrypted.least_squares.sealed import opened_answer
from secure_ds.training.encrypted.least_squares.twin import exact_weights
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.custodian import CertificateRequest, GrantRequest, Submitter
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest
from tests.installation import PURPOSE, Installation, random_records

KEY, OTHER_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
ASKED = {"algorithm": "encrypted_least_squares", "release": "to_owner", "epsilon": 1e-9}


@dataclass(frozen=True)
class Ready:
    """An installation with one data set whose owner named a results key."""

    installation: Installation
    owner: Caller
    descriptor: DatasetDescriptor


@pytest.fixture
def ready(tmp_path: Path) -> Ready:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller("alice", Role.DATA_OWNER)
    descriptor = installation.ready_dataset(owner, profile=STATISTICS, results_key=public_point(KEY))
    return Ready(installation, owner, descriptor)


def test_the_owner_gets_exact_statistics_at_no_cost(ready: Ready) -> None:
    services, descriptor = ready.installation.services, ready.descriptor
    job = ready.installation.submit(ready.owner, descriptor.dataset_id, **ASKED)
    ready.installation.run()
    done = services.show_job(ready.owner, job.id)
    assert (done.state, done.failure, done.model_id) == ("succeeded", None, None)
    plan, records = plan_from_json(done.plan), random_records()
    assert isinstance(plan, OwnStatisticsPlan)
    answer = [int(value) for value in services.list_steps(ready.owner, job.id).items[0].answer or ()]
    X, labels = on_grid(descriptor.feature_map.apply(records)), records.columns["label"].astype(np.int64)
    units = exact_units(plan.circuit, X, labels)
    assert opened_answer(plan, job.id, answer, KEY) == units
    model = own_model(plan, job.id, answer, KEY, descriptor)
    assert np.array_equal(model.tensors["weights"], exact_weights(plan, units))
    budget = services.show_budget(ready.owner, descriptor.dataset_id)
    assert (budget.decryptions_used, budget.epsilon_reserved) == (1, 0)
    assert budget.epsilon_spent < 1e-5


def test_nobody_else_can_open_them_nor_this_owner_those_of_another_job(ready: Ready) -> None:
    job = ready.installation.submit(ready.owner, ready.descriptor.dataset_id, **ASKED)
    ready.installation.run()
    services = ready.installation.services
    plan = plan_from_json(services.show_job(ready.owner, job.id).plan)
    answer = [int(value) for value in services.list_steps(ready.owner, job.id).items[0].answer or ()]
    for job_id, key, found in (
        (job.id, OTHER_KEY, answer),
        ("job_" + 26 * "a", KEY, answer),
        (job.id, KEY, [*answer[:-1], answer[-1] ^ 1]),
        (job.id, KEY, answer[:-1]),
    ):
        with pytest.raises(NotOwnStatistics):
            own_model(plan, job_id, found, key, ready.descriptor)


def test_the_custodian_certifies_nothing_without_noise(ready: Ready) -> None:
    job = ready.installation.submit(ready.owner, ready.descriptor.dataset_id, **ASKED)
    ready.installation.run()
    with ready.installation.store.read() as work:
        row = work.jobs.get(job.id)
    assert row is not None
    message = CertificateRequest(
        grant=Envelope.model_validate_json(row.grant),
        job_id=job.id,
        model_id=new_id("model"),
        weights_digest="sha256:" + 64 * "0",
        entry_index=0,
    )
    with pytest.raises(CustodyRefused) as refused:
        ready.installation.context.custody.certify(message)
    assert refused.value.code == "certificate_refused" and "without noise" in refused.value.detail


def test_others_are_refused_by_policy(ready: Ready) -> None:
    for caller in (ready.installation.caller("emil", Role.ML_ENGINEER), ready.installation.caller("bob")):
        with pytest.raises((AccessDenied, Denied)):
            ready.installation.submit(caller, ready.descriptor.dataset_id, **ASKED)


def test_the_custodian_refuses_others_whatever_the_service_says(ready: Ready) -> None:
    request = TrainingRequest(dataset_id=ready.descriptor.dataset_id, purpose=PURPOSE, delta=1e-5, **ASKED)
    plan = ready.installation.services.quote_job(ready.owner, request)
    emil = Submitter(id="emil", tenant="clinic", roles=["ml_engineer"], purposes=[PURPOSE], clearance=3)
    message = GrantRequest(
        job_id="job_" + 26 * "a",
        request=request,
        dataset_ids=[ready.descriptor.dataset_id],
        plan_digest=plan.plan_digest,
        submitter=emil,
        request_id="req_1",
    )
    with pytest.raises(CustodyRefused) as refused:
        ready.installation.context.custody.grant(message)
    assert refused.value.code == "not_the_owner"


def test_nothing_iterative_runs_without_noise(ready: Ready) -> None:
    with pytest.raises(PlanInvalid, match="nothing iterative runs without it"):
        asked = ASKED | {"algorithm": "encrypted_logistic_regression"}
        ready.installation.submit(ready.owner, ready.descriptor.dataset_id, **asked)


def test_an_owner_who_named_no_key_gets_none(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller("alice", Role.DATA_OWNER)
    descriptor = installation.ready_dataset(owner, profile=STATISTICS)
    with pytest.raises(PlanInvalid, match="no results key"):
        installation.submit(owner, descriptor.dataset_id, **ASKED)
