"""What is said about dual evaluation before a job runs: in the quote, at submission, in the plan."""

from dataclasses import replace
from pathlib import Path

import pytest

from secure_ds.core.evaluators import NOBODY, Evaluators
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.services.errors import EvaluatorsMissing
from secure_ds.services.facade import Services
from secure_ds.services.planning import plan_for
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.jobs import JobSubmit, TrainingRequest
from tests.installation import PURPOSE
from tests.prepared import SETTINGS, Prepared, prepared
from tests.witnesses import LISTED

TOO_FEW = [NOBODY, Evaluators(LISTED.listed[:2])]


def request(ready: Prepared, **changes: object) -> TrainingRequest:
    honest = {"dataset_id": ready.dataset_id, "purpose": PURPOSE, "epsilon": 0.5, "delta": 1e-5, **SETTINGS}
    return TrainingRequest.model_validate(honest | {"dual_evaluation": True} | changes)


def services(ready: Prepared, evaluators: Evaluators) -> Services:
    return Services(replace(ready.installation.context, evaluators=evaluators))


def demanding(descriptor: DatasetDescriptor) -> DatasetDescriptor:
    """The data set, of an owner who demands dual evaluation."""
    limits = descriptor.limits.model_copy(update={"dual_evaluation_required": True})
    return descriptor.model_copy(update={"limits": limits})


@pytest.fixture
def ready(tmp_path: Path) -> Prepared:
    return prepared(tmp_path, evaluators=LISTED)


@pytest.mark.parametrize("known", TOO_FEW, ids=["nobody", "one domain"])
def test_a_quote_says_that_a_second_domain_is_missing(ready: Prepared, known: Evaluators) -> None:
    view = services(ready, known).quote_job(ready.owner, request(ready))
    assert not view.admissible and view.dual_evaluation
    assert ["2 trust domains" in refusal for refusal in view.refusals] == [True]


@pytest.mark.parametrize("known", TOO_FEW, ids=["nobody", "one domain"])
def test_submission_refuses_what_would_wait_for_ever(ready: Prepared, known: Evaluators) -> None:
    body = JobSubmit(**request(ready).model_dump())
    before = ready.installation.services.show_budget(ready.owner, ready.dataset_id)
    with pytest.raises(EvaluatorsMissing) as caught:
        services(ready, known).submit_job(ready.owner, body, None)
    assert caught.value.facts == {"domains": list(known.domains)}
    assert ready.installation.services.show_budget(ready.owner, ready.dataset_id) == before


def test_with_two_domains_it_is_quoted_and_submitted(ready: Prepared) -> None:
    view = ready.installation.services.quote_job(ready.owner, request(ready))
    assert view.admissible and view.dual_evaluation
    body = JobSubmit(**request(ready).model_dump(), plan_digest=view.plan_digest)
    job = ready.installation.services.submit_job(ready.owner, body, None)
    assert plan_from_json(job.plan).dual_evaluation


def test_an_ordinary_job_needs_nobody(ready: Prepared) -> None:
    view = services(ready, NOBODY).quote_job(ready.owner, request(ready, dual_evaluation=False))
    assert view.admissible and not view.dual_evaluation


@pytest.mark.parametrize(
    ("asked", "demanded", "dual"), [(False, False, False), (True, False, True), (False, True, True), (True, True, True)]
)
def test_whoever_asks_for_it_or_demands_it_gets_it(ready: Prepared, asked: bool, demanded: bool, dual: bool) -> None:
    descriptor = demanding(ready.descriptor) if demanded else ready.descriptor
    plan = plan_for([descriptor], request(ready, dual_evaluation=asked))
    assert plan.dual_evaluation == dual
    assert plan.to_json()["dual_evaluation"] == dual
    assert plan_from_json(plan.to_json()).digest == plan.digest


def test_it_is_another_plan(ready: Prepared) -> None:
    """So a consent to a job under dual evaluation is none to the same job without."""
    plans = [plan_for([ready.descriptor], request(ready, dual_evaluation=asked)) for asked in (False, True)]
    assert plans[0].digest != plans[1].digest
    assert plans[0].charges == plans[1].charges
