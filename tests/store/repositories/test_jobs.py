"""Jobs with their steps, events and models."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.jobs.errors import IllegalTransition
from secure_ds.jobs.lifecycle import JobState
from secure_ds.privacy.errors import StepConflict
from secure_ds.store.errors import AlreadyExists, AnswerConflict, CertificateConflict, NotFound, UnknownCursor
from secure_ds.store.unit_of_work import Store
from tests.store.samples import NOON, HandClock, add_dataset, add_job, digest, job, model, step


def test_a_job_comes_back_as_it_went_in(store: Store) -> None:
    row = add_job(store)
    with store.read() as unit:
        assert unit.jobs.get(row.id) == row
        assert unit.jobs.get(new_id("job")) is None


def test_a_job_moves_and_its_end_is_dated(store: Store, clock: HandClock) -> None:
    row = add_job(store)
    for state in (JobState.ADMITTED, JobState.QUEUED, JobState.RUNNING):
        with store.write() as unit:
            assert unit.jobs.move(row.id, state).finished_at is None
    clock.advance(60)
    with store.write() as unit:
        moved = unit.jobs.move(row.id, JobState.SUCCEEDED, model_id="model_x")
        assert unit.jobs.get(row.id) == moved
    assert moved == replace(row, state=JobState.SUCCEEDED, finished_at=NOON + timedelta(seconds=60), model_id="model_x")


def test_an_illegal_move_changes_nothing(store: Store) -> None:
    row = add_job(store)
    with pytest.raises(IllegalTransition), store.write() as unit:
        unit.jobs.move(row.id, JobState.RUNNING)
    with pytest.raises(NotFound), store.write() as unit:
        unit.jobs.move(new_id("job"), JobState.ADMITTED)
    with store.read() as unit:
        assert unit.jobs.get(row.id) == row


def test_a_locked_job_stays_as_it_is(store: Store) -> None:
    row = add_job(store, state=JobState.QUEUED)
    done: list[str] = []

    def cancel() -> None:
        with store.write() as unit:
            unit.jobs.move(row.id, JobState.CANCELLED)
        done.append("cancelled")

    with store.write() as unit:
        assert unit.jobs.lock(row.id) == row
        other = threading.Thread(target=cancel)
        other.start()
        other.join(timeout=0.2)
        unit.jobs.move(row.id, JobState.RUNNING)
        done.append("running")
    other.join()
    assert done == ["running", "cancelled"]
    with pytest.raises(NotFound), store.write() as unit:
        unit.jobs.lock(new_id("job"))


def test_a_job_can_be_asked_to_stop_until_it_is_over(store: Store) -> None:
    row = add_job(store, state=JobState.RUNNING)
    with store.write() as unit:
        assert unit.jobs.request_cancel(row.id).cancel_requested
        assert unit.jobs.request_cancel(row.id).cancel_requested
        assert unit.jobs.move(row.id, JobState.CANCELLED).cancel_requested
    with pytest.raises(IllegalTransition), store.write() as unit:
        unit.jobs.request_cancel(row.id)


def test_jobs_are_listed_by_tenant_submitter_and_data_set(store: Store) -> None:
    first, second = add_job(store), add_job(store, submitted_at=NOON + timedelta(seconds=1))
    other = add_job(store, tenant="other")
    with store.read() as unit:
        assert [row.id for row in unit.jobs.list("acme", None, None, None, 9)] == [second.id, first.id]
        assert [row.id for row in unit.jobs.list("acme", None, None, second.id, 9)] == [first.id]
        assert [row.id for row in unit.jobs.list("acme", first.submitter, None, None, 9)] == [first.id]
        assert [row.id for row in unit.jobs.list(None, None, other.dataset_id, None, 9)] == [other.id]
        assert unit.jobs.list("acme", first.submitter, second.dataset_id, None, 9) == []
        with pytest.raises(UnknownCursor):
            unit.jobs.list("acme", None, None, other.id, 9)


def test_a_step_is_recorded_once_for_one_ciphertext(store: Store) -> None:
    row = add_job(store)
    first = step(row.id, 0)
    with store.write() as unit:
        assert unit.steps.spent(first) == first
    with store.write() as unit:  # a worker that took over computed the same
        assert unit.steps.spent(replace(first, fence=2, spent_at=NOON + timedelta(days=1))) == first
    with pytest.raises(StepConflict), store.write() as unit:
        unit.steps.spent(replace(first, ciphertext_digest=digest(99)))
    with pytest.raises(StepConflict), store.write() as unit:
        unit.steps.spent(replace(first, weights_digest=digest(99)))


def test_an_answer_of_any_size_is_recorded_once_and_counted(store: Store) -> None:
    row = add_job(store)
    answer = [2**200 + 1, -(2**63) - 1, 0]
    with store.write() as unit:
        unit.steps.spent(step(row.id, 0))
        unit.steps.spent(step(row.id, 1))
        assert unit.steps.answered(row.id, 0, answer).answer == tuple(answer)
        assert unit.steps.answered(row.id, 0, answer).answer == tuple(answer)
    with store.read() as unit:
        assert unit.steps.list(row.id) == [step(row.id, 0, answer=tuple(answer)), step(row.id, 1)]
        assert unit.steps.get(row.id, 1) == step(row.id, 1)
        assert unit.steps.get(row.id, 2) is None
        found = unit.jobs.get(row.id)
        assert found is not None
        assert found.steps_done == 1
    with pytest.raises(AnswerConflict), store.write() as unit:
        unit.steps.answered(row.id, 0, [1, 2, 3])
    with pytest.raises(NotFound), store.write() as unit:
        unit.steps.answered(row.id, 7, answer)


def test_events_are_numbered_without_gaps_whoever_writes(store: Store) -> None:
    row = add_job(store)

    def write(author: int) -> None:
        for number in range(5):
            with store.write() as unit:
                unit.events.append(row.id, ("late", "early")[number % 2], {"author": author, "number": number})

    threads = [threading.Thread(target=write, args=(author,)) for author in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as unit:
        events = unit.events.list(row.id, 0, 100)
        assert unit.events.list(row.id, 28, 1) == events[28:29]
    assert [event.seq for event in events] == list(range(1, 31))
    for author in range(6):
        assert [event.data["number"] for event in events if event.data["author"] == author] == [0, 1, 2, 3, 4]


def test_an_event_needs_a_job(store: Store) -> None:
    with pytest.raises(NotFound), store.write() as unit:
        unit.events.append(new_id("job"), "progress", {})


def test_a_job_makes_one_model_certified_once_and_then_released(store: Store) -> None:
    parent = add_job(store)
    row = model(parent.id, parent.dataset_id)
    with store.write() as unit:
        assert unit.models.by_job(parent.id) is None
        unit.models.add(row)
        assert unit.models.get(row.id) == unit.models.by_job(parent.id) == row
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.models.add(model(parent.id, parent.dataset_id))
    with store.write() as unit:
        certified = unit.models.certify(row.id, b"signed")
        assert certified == unit.models.certify(row.id, b"signed") == unit.models.get(row.id)
        assert certified.certificate_digest == digest_bytes(b"signed")
        assert not certified.released
        assert unit.models.release(row.id).released
    with pytest.raises(CertificateConflict), store.write() as unit:
        unit.models.certify(row.id, b"forged")
    with store.read() as unit:
        assert unit.models.list("acme", None, 9) == [replace(certified, released=True)]
        assert unit.models.list("other", None, 9) == []
        assert unit.models.get(new_id("model")) is None


def test_a_job_of_no_data_set_is_refused(store: Store) -> None:
    owner = add_dataset(store).owner
    with pytest.raises(Exception, match=r"(?i)foreign key"), store.write() as unit:
        unit.jobs.add(job(new_id("ds"), owner))
