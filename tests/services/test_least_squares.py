"""Least squares through the service: one release, the twin's answer to the bit, a model that verifies."""

import random
from pathlib import Path

import numpy as np
import pytest

from secure_ds.ckks.profiles import STATISTICS, STRONG, Profile
from secure_ds.ckks.record_grid import on_grid
from secure_ds.client.recheck import recheck
from secure_ds.client.verify import verify_model
from secure_ds.core.digest import digest_bytes
from secure_ds.core.principal import Role
from secure_ds.data.records import Records
from secure_ds.training.encrypted.least_squares.evaluation import LeastSquaresEvaluator
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan
from secure_ds.training.encrypted.least_squares.twin import clear_answer
from secure_ds.training.encrypted.model_file import read_model
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.training.encrypted.prediction import labels, scores
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from tests.installation import PURPOSE, Installation

ALGORITHM = "encrypted_least_squares"


def three_classes(n: int = 3000) -> Records:
    """Records whose largest coordinate is their class."""
    X = np.random.default_rng(1).uniform(-1, 1, (n, 3))
    return Records({**{f"x{index}": X[:, index] for index in range(3)}, "label": X.argmax(axis=1).astype(float)})


@pytest.mark.parametrize("profile", [STATISTICS, STRONG], ids=lambda profile: profile.name)
def test_a_job_gives_the_twins_answer_and_a_model_that_verifies(tmp_path: Path, profile: Profile) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db", noise=random.Random(7))
    owner = installation.caller("alice", Role.DATA_OWNER)
    records = three_classes()
    descriptor = installation.ready_dataset(owner, records, profile=profile, classes=("a", "b", "c"))
    job = installation.submit(owner, descriptor.dataset_id, epsilon=2.0, algorithm=ALGORITHM)
    installation.run()
    done = installation.services.show_job(owner, job.id)
    assert (done.state, done.failure, done.steps_done) == ("succeeded", None, 1)
    plan = plan_from_json(done.plan)
    assert isinstance(plan, LeastSquaresPlan)
    X, y = descriptor.feature_map.apply(records), records.columns["label"].astype(np.int64)
    steps = installation.services.list_steps(owner, job.id).items
    assert [int(value) for value in steps[0].answer or ()] == clear_answer(plan, on_grid(X), y, random.Random(7))
    assert [step.agrees for step in recheck([stored_blocks(installation.context, descriptor)], plan, steps, [0])] == [
        True
    ]
    weights = installation.services.download_weights(owner, done.model_id or "")
    assert np.mean(labels(scores(read_model(weights), X)) == y) > 0.9
    certificate = installation.services.download_certificate(owner, done.model_id or "")
    report = verify_model(certificate, weights, installation.services.public_keys())
    assert report.passed, report.checks
    assert report.claims is not None
    assert report.claims.plan["settings"]["ridge"] == plan.ridge
    budget = installation.services.show_budget(owner, descriptor.dataset_id)
    assert (budget.decryptions_used, budget.epsilon_reserved) == (1, 0)
    assert 1.99 < budget.epsilon_spent <= 2.0


def test_a_second_job_computes_nothing_again_and_draws_its_own_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller("alice", Role.DATA_OWNER)
    descriptor = installation.ready_dataset(owner, three_classes(100), profile=STATISTICS, classes=("a", "b", "c"))
    jobs = [installation.submit(owner, descriptor.dataset_id, algorithm=ALGORITHM) for _ in range(3)]
    installation.worker.work_once()
    computed: list[bytes] = []
    whole = LeastSquaresEvaluator.step

    def counted(evaluator: LeastSquaresEvaluator, state: np.ndarray) -> list[bytes]:
        found = whole(evaluator, state)
        computed.extend(found)
        return found

    monkeypatch.setattr(LeastSquaresEvaluator, "step", counted)
    installation.worker.work_once()
    assert not computed
    digest = installation.services.list_steps(owner, jobs[0].id).items[0].ciphertext_digest
    kept = tmp_path / "blobs" / descriptor.dataset_id / digest.removeprefix("sha256:")
    kept.write_bytes(b"of another job")
    installation.run()
    assert computed, "a file that is not what it should be is computed again"
    assert digest_bytes(kept.read_bytes()) == digest
    steps = [installation.services.list_steps(owner, job.id).items[0] for job in jobs]
    assert len({step.ciphertext_digest for step in steps}) == 1
    assert len({tuple(step.answer or ()) for step in steps}) == 3
    assert all(installation.services.show_job(owner, job.id).state == "succeeded" for job in jobs)


def test_a_quote_says_what_one_release_costs_and_how_exact_it_is(tmp_path: Path) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")
    owner = installation.caller("alice", Role.DATA_OWNER)
    descriptor = installation.ready_dataset(owner, three_classes(100), profile=STATISTICS, classes=("a", "b", "c"))
    asked = TrainingRequest(
        dataset_id=descriptor.dataset_id, algorithm=ALGORITHM, purpose=PURPOSE, epsilon=1.0, delta=1e-5
    )
    quote = installation.services.quote_job(owner, asked)
    assert (quote.admissible, quote.steps, quote.decryptions_needed, quote.levels) == (True, 1, 1, 3)
    assert quote.statistical_bits is not None
    assert quote.statistical_bits > 48
    iterative = asked.model_copy(update={"radius": 4.0})
    refused = installation.services.quote_job(owner, iterative)
    assert (refused.admissible, refused.refusals) == (False, ["least squares has no setting radius"])
