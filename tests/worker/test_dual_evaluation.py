"""Two workers on one job: they finish it together, end it when they differ, and neither waits for ever."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from secure_ds.client.verify import verify_model
from secure_ds.jobs.evaluation import EvaluatorIdentity
from secure_ds.services.run_job import Task, claim
from secure_ds.store.errors import LeaseLost
from secure_ds.training.encrypted.release import digest_of
from secure_ds.worker import witness
from secure_ds.worker.loop import Worker
from tests.prepared import SETTINGS, STEPS, Hands, Prepared, another_valid
from tests.witnesses import NORTH, NORTH_TOO, SOUTH, evaluation, store, with_dual_job, worker_of

PATIENCE = 60.0  # seconds, until a test that waits for a worker fails


@pytest.fixture
def ready(tmp_path: Path) -> Prepared:
    """An installation where a job under dual evaluation waits."""
    return with_dual_job(tmp_path)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "POLL_SECONDS", 0.02)


@contextmanager
def running(*workers: Worker, first: Sequence[Task] = ()) -> Iterator[None]:
    """Run workers side by side for as long as the block lasts, perhaps with tasks that they hold already."""

    def run(worker: Worker, task: Task | None) -> None:
        if task is not None:
            with suppress(LeaseLost), worker._heartbeat(task.lease):
                worker._carry_out(task)
        worker.run()

    threads = [threading.Thread(target=run, args=each) for each in zip_longest(workers, first)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join()


def state_of(ready: Prepared, job_id: str | None = None) -> str:
    return ready.installation.services.show_job(ready.owner, job_id or ready.job.id).state


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.02)


def entries(ready: Prepared, action: str) -> list[Any]:
    with ready.installation.store.read() as work:
        drafts = [entry.read().draft for entry in work.audit.walk(0, work.audit.head().size)]
    return [draft for draft in drafts if draft.action == action and draft.job_id == ready.job.id]


def spends(ready: Prepared) -> int:
    return len(ready.installation.custodian.journal.spends(ready.job.id))


def attested(ready: Prepared, step: int) -> set[str]:
    with ready.installation.store.read() as work:
        return {said.domain for said in work.attestations.list(ready.job.id, step)}


def worker(ready: Prepared, who: EvaluatorIdentity | None, **settings: float) -> Worker:
    return worker_of(ready.installation, who, **settings)


def test_two_workers_finish_a_job_and_the_certificate_says_so(ready: Prepared) -> None:
    installation = ready.installation
    with running(worker(ready, NORTH), worker(ready, SOUTH)):
        until(lambda: state_of(ready) == "succeeded")
    said = [(each.details["step"], each.details["domain"]) for each in entries(ready, "job:attest")]
    assert sorted(said) == [(step, domain) for step in range(STEPS) for domain in ("north", "south")]
    with installation.store.read() as work:
        seen = [
            (row.data["step"], row.data["domain"])
            for row in work.events.list(ready.job.id, 0, 100)
            if row.event == "attested"
        ]
    assert sorted(seen) == [(step + 1, domain) for step, domain in sorted(said)]
    assert {each.details["half"] for each in entries(ready, "job:run")} == {"train", "confirm"}
    model = installation.services.show_job(ready.owner, ready.job.id).model_id
    assert model is not None
    with installation.store.read() as work:
        row = work.models.get(model)
    assert row is not None and row.certificate is not None
    report = verify_model(row.certificate, row.weights, installation.services.public_keys())
    assert report.passed and report.claims is not None
    assert report.claims.evaluation.domains == ["north", "south"]
    assert all(entry.attested_by == ["north", "south"] for entry in report.claims.ledger)
    assert "north and south" in report.claims.evaluation.statement


def test_who_only_confirms_needs_no_custodian(ready: Prepared) -> None:
    """As a party runs it that is given the database and the blobs, and nothing else."""
    context = replace(ready.installation.context, evaluator=SOUTH, confirms_only=True, custody=None)  # type: ignore[arg-type]
    confirming = Worker(context, lease_seconds=30.0, checkpoint_seconds=0.1)
    with running(confirming, worker(ready, NORTH)):
        until(lambda: state_of(ready) == "succeeded")
    claims = [(each.details["half"], each.details["domain"]) for each in entries(ready, "job:run")]
    assert set(claims) == {("train", "north"), ("confirm", "south")}


@pytest.mark.parametrize("who", [None, NORTH_TOO], ids=["a worker without a key", "another worker of the domain"])
def test_one_domain_alone_releases_nothing(ready: Prepared, who: EvaluatorIdentity | None) -> None:
    with running(worker(ready, NORTH), worker(ready, who)):
        until(lambda: attested(ready, 0) == {"north"})
        time.sleep(0.5)
    assert state_of(ready) == "running"
    assert spends(ready) == 0
    assert ready.installation.services.list_steps(ready.owner, ready.job.id).items == []


def test_differing_digests_end_the_job_with_both_in_the_log(ready: Prepared) -> None:
    confirming = _hands_of(ready, SOUTH)
    ciphertext = confirming.evaluate()
    deviating = another_valid(ciphertext)
    store(ready.installation, SOUTH.attest(evaluation(confirming, deviating)))
    _let_go(ready, confirming)
    with running(worker(ready, NORTH)):
        until(lambda: state_of(ready) == "failed")
    failed = entries(ready, "job:fail")[-1].details
    assert failed["code"] == "evaluation_conflict"
    assert failed["evaluations"] == [
        {"domain": "north", "ciphertext": digest_of([ciphertext])},
        {"domain": "south", "ciphertext": digest_of([deviating])},
    ]
    view = ready.installation.services.show_job(ready.owner, ready.job.id)
    assert view.failure is not None
    assert digest_of([ciphertext]) in view.failure and digest_of([deviating]) in view.failure
    assert spends(ready) == 0


def test_the_confirming_worker_ends_it_too(ready: Prepared) -> None:
    """A first worker that deviates will hardly end its own job."""
    training = _hands_of(ready, NORTH)
    store(ready.installation, NORTH.attest(evaluation(training, another_valid(training.evaluate()))))
    with running(worker(ready, SOUTH)):
        until(lambda: state_of(ready) == "failed")
    assert entries(ready, "job:fail")[-1].details["code"] == "evaluation_conflict"
    assert spends(ready) == 0


def test_a_worker_that_contradicts_itself_is_a_conflict(ready: Prepared) -> None:
    training = _hands_of(ready, NORTH)
    store(ready.installation, NORTH.attest(evaluation(training, another_valid(training.evaluate()))))
    _let_go(ready, training)
    with running(worker(ready, NORTH)):
        until(lambda: state_of(ready) == "failed")
    assert [each["domain"] for each in entries(ready, "job:fail")[-1].details["evaluations"]] == ["north", "north"]


def test_a_confirming_worker_that_dies_is_replaced(ready: Prepared) -> None:
    with running(worker(ready, NORTH)):
        until(lambda: attested(ready, 0) == {"north"})
        died = claim(replace(ready.installation.context, evaluator=SOUTH), "dies", 0.5)
        assert died is not None and died.lease.kind == "confirm"
        with running(worker(ready, SOUTH)):
            until(lambda: state_of(ready) == "succeeded")
    assert spends(ready) == STEPS


def test_a_training_worker_that_dies_is_replaced_within_its_domain(ready: Prepared) -> None:
    died = claim(replace(ready.installation.context, evaluator=NORTH), "dies", 0.5)
    assert died is not None and died.lease.kind == "train"
    with running(worker(ready, SOUTH), worker(ready, NORTH_TOO)):
        until(lambda: state_of(ready) == "succeeded")
    assert spends(ready) == STEPS


@pytest.mark.parametrize("who", [NORTH, None], ids=["while one worker waits", "before any worker came"])
def test_a_job_that_waits_can_be_cancelled(ready: Prepared, who: EvaluatorIdentity | None) -> None:
    with running(worker(ready, who)):
        if who is not None:
            until(lambda: attested(ready, 0) == {"north"})
        ready.installation.services.cancel_job(ready.owner, ready.job.id)
        until(lambda: state_of(ready) == "cancelled")
    assert spends(ready) == 0
    assert ready.installation.services.show_budget(ready.owner, ready.dataset_id).epsilon_reserved == 0


def test_the_worker_that_is_left_can_end_a_cancelled_job(ready: Prepared) -> None:
    """The training worker has gone; the confirming one waits for an answer that will not come."""
    training = _hands_of(ready, NORTH)
    with running(worker(ready, SOUTH)):
        until(lambda: attested(ready, 0) == {"south"})
        ready.installation.services.cancel_job(ready.owner, ready.job.id)
        time.sleep(0.2)
        assert state_of(ready) == "running"  # the training worker may be on the point of paying
        _let_go(ready, training)
        until(lambda: state_of(ready) == "cancelled")


def test_waiting_has_an_end(ready: Prepared) -> None:
    with running(worker(ready, NORTH, confirmation_seconds=0.3)):
        until(lambda: state_of(ready) == "failed")
    view = ready.installation.services.show_job(ready.owner, ready.job.id)
    assert view.failure is not None and view.failure.startswith("evaluation_unconfirmed")
    assert spends(ready) == 0


def test_two_workers_and_two_jobs_do_not_wait_for_each_other_for_ever(ready: Prepared) -> None:
    """Each holds the first half of another job; whoever held the second halves is gone."""
    second = ready.installation.submit(
        ready.owner, ready.dataset_id, epsilon=0.5, dual_evaluation=True, **{**SETTINGS, "steps": 2}
    )
    context = ready.installation.context
    north, gone, south = (
        claim(replace(context, evaluator=who), f"worker {number}", 0.5 if number == 1 else 60.0)
        for number, who in enumerate((NORTH, SOUTH, SOUTH))
    )
    assert north and gone and south
    assert (north.lease.kind, south.lease.kind) == ("train", "train")
    assert north.lease.subject_id != south.lease.subject_id
    time.sleep(0.5)
    working = [worker(ready, NORTH), worker(ready, SOUTH)]
    with running(*working, first=(north, south)):
        until(lambda: {state_of(ready), state_of(ready, second.id)} == {"succeeded"})


def test_a_worker_that_ends_while_it_waits_gives_its_half_back_at_once(ready: Prepared) -> None:
    with running(worker(ready, NORTH)):
        until(lambda: attested(ready, 0) == {"north"})
    taken = claim(replace(ready.installation.context, evaluator=SOUTH), "next", 30.0)
    assert taken is not None and (taken.lease.kind, taken.lease.domain) == ("train", "south")


def _hands_of(ready: Prepared, who: EvaluatorIdentity) -> Hands:
    return Hands(ready.installation, who)


def _let_go(ready: Prepared, hands: Hands) -> None:
    with ready.installation.store.write() as work:
        work.work.let_go(hands.task.lease)
