"""A sealed job, end to end, with a trainer that is a real process: from records to a certified model."""

from pathlib import Path

import numpy as np
import pytest

from secure_ds.cli.sealed_prediction import PredictionFailed, predict_sealed
from secure_ds.client.verify import verify_model
from secure_ds.services.errors import BudgetRefused, PlanInvalid
from secure_ds.wire.jobs import JobSubmit, SealedTraining, TrainingRequest
from secure_ds.wire.sealed_certificate import SealedPredicate
from tests.installation import PURPOSE
from tests.sealed_jobs import sealed_owner, table_records

FIVE_INPUTS = {"family": "mlp", "task": "classify", "n_inputs": 5, "hidden": [], "n_classes": 2}


def test_a_job_from_sealed_records_to_a_certified_model(tmp_path: Path, database_url: str) -> None:
    owner = sealed_owner(tmp_path, database_url)
    services = owner.installation.services
    descriptor = owner.ready()
    quote = services.quote_job(owner.caller, owner.request(descriptor.dataset_id))
    assert quote.admissible and quote.tau is None
    done = owner.finished(owner.submit(descriptor.dataset_id))
    assert (done.state, done.failure, done.steps_done) == ("succeeded", None, 40)
    assert done.model_id is not None and done.plan_digest == quote.plan_digest
    weights = services.download_weights(owner.caller, done.model_id)
    certificate = services.download_certificate(owner.caller, done.model_id)
    report = verify_model(certificate, weights, services.public_keys())
    assert report.passed, report.checks
    assert isinstance(report.claims, SealedPredicate)
    assert 0 < report.claims.privacy.epsilon <= 3.0
    assert (report.claims.privacy.unit, report.claims.privacy.steps_released) == ("record", 40)
    _requires_everything_spent(owner, descriptor.dataset_id)
    test = table_records(seed=2)
    inputs = np.column_stack([(test.columns[f"x{index}"] + 1) / 2 for index in range(4)]).astype(np.float32)
    assert np.mean(predict_sealed(weights, inputs) == test.columns["label"]) > 0.75
    with pytest.raises(PredictionFailed):
        predict_sealed(weights, inputs[:, :3])


def _requires_everything_spent(owner, dataset_id: str) -> None:  # type: ignore[no-untyped-def]
    budget = owner.installation.services.show_budget(owner.caller, dataset_id)
    assert budget.renyi is not None and budget.mu_squared_spent is None
    assert not any(budget.renyi.reserved) and all(spent > 0 for spent in budget.renyi.spent)
    assert 0 < budget.epsilon_spent <= budget.epsilon_limit


def test_another_file_under_the_certificate_is_found(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    services = owner.installation.services
    done = owner.finished(owner.submit(owner.ready().dataset_id, steps=2))
    weights = bytearray(services.download_weights(owner.caller, done.model_id or ""))
    certificate = services.download_certificate(owner.caller, done.model_id or "")
    weights[-1] ^= 1
    report = verify_model(certificate, bytes(weights), services.public_keys())
    assert {check.name for check in report.checks if not check.passed} == {"weights", "audit log"}


def test_jobs_are_admitted_only_as_long_as_one_order_holds(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    dataset_id = owner.ready(epsilon=4.0).dataset_id
    owner.submit(dataset_id)
    with pytest.raises(BudgetRefused, match="of the job's 40 steps would fit") as refused:
        owner.submit(dataset_id)
    assert refused.value.facts["fitting_steps"] < 40
    quote = owner.installation.services.quote_job(owner.caller, owner.request(dataset_id))
    assert not quote.admissible and "would fit" in quote.refusals[0]


def test_a_cancelled_job_gives_back_what_it_did_not_release(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    services, dataset_id = owner.installation.services, owner.ready().dataset_id
    job = owner.submit(dataset_id)
    services.cancel_job(owner.caller, job.id)
    assert owner.finished(job).state == "cancelled"
    budget = services.show_budget(owner.caller, dataset_id)
    assert (budget.epsilon_spent, budget.epsilon_reserved) == (0.0, 0.0)


def test_algorithm_and_records_must_be_of_one_way(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    services, dataset_id = owner.installation.services, owner.ready().dataset_id
    body = TrainingRequest(dataset_id=dataset_id, purpose=PURPOSE, epsilon=1.0, delta=1e-5)
    with pytest.raises(PlanInvalid, match="sealed: train with sealed_dp_sgd"):
        services.submit_job(owner.caller, JobSubmit(**body.model_dump()), None)
    encrypted = owner.installation.ready_dataset(owner.caller)
    with pytest.raises(PlanInvalid, match="needs a sealed data set"):
        owner.submit(encrypted.dataset_id)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"epsilon": 9.0}, "more than the owner"),
        ({"dual_evaluation": True}, "sealed_dp_sgd has no dual_evaluation"),
        ({"momentum": 0.5}, "sealed_dp_sgd has no momentum"),
        ({"sealed": SealedTraining(batch_size=401)}, "batch_size must be 1 to the number of units, 400"),
        ({"sealed": SealedTraining(model={"family": "rnn"})}, "family must be one of"),
        ({"sealed": SealedTraining(model=FIVE_INPUTS)}, "n_inputs must be 4"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_what_would_be_right(
    tmp_path: Path, settings: dict[str, object], why: str
) -> None:
    owner = sealed_owner(tmp_path)
    dataset_id = owner.ready().dataset_id
    with pytest.raises(PlanInvalid, match=why):
        owner.submit(dataset_id, **settings)
    if "has no" in why:
        return  # refused before it could be quoted
    quote = owner.installation.services.quote_job(owner.caller, owner.request(dataset_id, **settings))
    assert not quote.admissible and why in quote.refusals[0]


def test_a_job_with_canaries_carries_its_evidence(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    services = owner.installation.services
    sealed = SealedTraining(batch_size=64, l2_norm_clip=1.0, canaries=100)
    done = owner.finished(owner.submit(owner.ready().dataset_id, sealed=sealed))
    assert (done.state, done.failure) == ("succeeded", None)
    weights = services.download_weights(owner.caller, done.model_id or "")
    certificate = services.download_certificate(owner.caller, done.model_id or "")
    report = verify_model(certificate, weights, services.public_keys())
    assert report.passed, report.checks
    assert isinstance(report.claims, SealedPredicate) and report.claims.evidence is not None
    assert report.claims.evidence.canaries == 100
    assert report.claims.evidence.epsilon_lower_bound <= report.claims.privacy.epsilon
