"""A recheck believes the certificate, not the service that is being checked."""

from collections.abc import Callable

import pytest

from secure_ds.client.recheck import NotAsCertified, require_certified
from secure_ds.client.verify import signed_statement
from secure_ds.core.ids import new_id
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.certificate import Predicate
from secure_ds.wire.jobs import StepView
from tests.prepared import Prepared, prepared

OTHER = "sha256:" + "0" * 64


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    ready = prepared(tmp_path_factory.mktemp("installation"))
    ready.installation.run()
    return ready


@pytest.fixture
def claims(done: Prepared) -> Predicate:
    services = done.installation.services
    model_id = services.show_job(done.owner, done.job.id).model_id
    assert model_id is not None
    statement = signed_statement(services.download_certificate(done.owner, model_id), services.public_keys())
    assert statement is not None
    return statement.predicate


@pytest.fixture
def steps(done: Prepared) -> list[StepView]:
    return list(done.installation.services.list_steps(done.owner, done.job.id).items)


@pytest.fixture
def plan(done: Prepared) -> EncryptedPlan:
    return plan_from_json(done.job.plan)


def test_the_truth_is_as_certified(
    done: Prepared, claims: Predicate, plan: EncryptedPlan, steps: list[StepView]
) -> None:
    require_certified(claims, done.job.id, [done.descriptor.digest], plan, steps)


@pytest.mark.parametrize(
    "forge",
    [
        lambda steps: [steps[0].model_copy(update={"ciphertext_digest": OTHER}), *steps[1:]],
        lambda steps: [steps[0].model_copy(update={"weights_digest": OTHER}), *steps[1:]],
        lambda steps: steps[:-1],
        lambda steps: [steps[1], steps[0], *steps[2:]],
    ],
    ids=["another ciphertext", "other weights", "a step left out", "another order"],
)
def test_forged_steps_are_found(
    done: Prepared,
    claims: Predicate,
    plan: EncryptedPlan,
    steps: list[StepView],
    forge: Callable[[list[StepView]], list[StepView]],
) -> None:
    with pytest.raises(NotAsCertified, match="steps"):
        require_certified(claims, done.job.id, [done.descriptor.digest], plan, forge(steps))


def test_another_jobs_certificate_is_found(
    done: Prepared, claims: Predicate, plan: EncryptedPlan, steps: list[StepView]
) -> None:
    with pytest.raises(NotAsCertified, match="job, data set"):
        require_certified(claims, new_id("job"), [OTHER], plan, steps)
