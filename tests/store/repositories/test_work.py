"""The queue: one holder at a time, taken over when a lease runs out, safe from a holder that was replaced."""

import threading

import pytest

from secure_ds.store.errors import LeaseLost
from secure_ds.store.rows import Lease
from secure_ds.store.unit_of_work import Store
from tests.store.samples import HandClock


def test_an_empty_queue_has_nothing_to_claim(store: Store) -> None:
    assert _claim(store, "w1") is None


def test_work_is_claimed_oldest_first_by_one_worker(store: Store, clock: HandClock) -> None:
    for subject in ("job_b", "job_a", "job_c"):
        _enqueue(store, subject)
        clock.advance(1)
    leases = [_claim(store, f"w{number}") for number in range(4)]
    assert [lease and lease.subject_id for lease in leases] == ["job_b", "job_a", "job_c", None]
    assert all(lease.fence == 1 for lease in leases if lease)


def test_known_work_is_not_queued_again(store: Store) -> None:
    _enqueue(store, "job_a")
    first = _claimed(store, "w1")
    _enqueue(store, "job_a")
    assert _claim(store, "w2") is None
    with store.write() as unit:
        unit.work.finish(first)
    _enqueue(store, "job_a")
    assert _claim(store, "w2") is None


def test_a_lease_that_ran_out_is_taken_over_with_a_higher_fence(store: Store, clock: HandClock) -> None:
    _enqueue(store, "job_a")
    first = _claimed(store, "w1")
    clock.advance(29)
    assert _claim(store, "w2") is None
    clock.advance(1)
    second = _claimed(store, "w2")
    assert (second.worker_id, second.fence) == ("w2", first.fence + 1)
    for stale in (first, Lease(second.kind, second.subject_id, "w3", 7, second.expires_at)):
        with store.write() as unit:
            with pytest.raises(LeaseLost):
                unit.work.check(stale)
            with pytest.raises(LeaseLost):
                unit.work.renew(stale, 30)
            with pytest.raises(LeaseLost):
                unit.work.finish(stale)
    with store.write() as unit:
        unit.work.check(second)


def test_a_renewed_lease_lasts_from_then(store: Store, clock: HandClock) -> None:
    _enqueue(store, "job_a")
    lease = _claimed(store, "w1")
    clock.advance(20)
    with store.write() as unit:
        renewed = unit.work.renew(lease, 30)
    clock.advance(29)
    assert _claim(store, "w2") is None
    assert renewed.fence == lease.fence
    clock.advance(5)  # ran out, but nobody took it: still held
    with store.write() as unit:
        unit.work.check(renewed)


def test_finished_work_is_over(store: Store, clock: HandClock) -> None:
    _enqueue(store, "job_a")
    lease = _claimed(store, "w1")
    with store.write() as unit:
        unit.work.finish(lease)
    clock.advance(1000)
    assert _claim(store, "w2") is None
    with pytest.raises(LeaseLost), store.write() as unit:
        unit.work.check(lease)


def test_the_fence_of_the_holder_is_that_of_whoever_holds_it_now(store: Store, clock: HandClock) -> None:
    def fence() -> int | None:
        with store.read() as unit:
            return unit.work.fence_of_holder("train", "job_a")

    assert fence() is None
    _enqueue(store, "job_a")
    assert fence() is None
    first = _claimed(store, "w1")
    assert fence() == first.fence
    clock.advance(31)  # ran out, but nobody else has claimed it
    assert fence() == first.fence
    second = _claimed(store, "w2")
    assert fence() == second.fence == first.fence + 1
    with store.write() as unit:
        unit.work.let_go(second)
    assert fence() is None
    third = _claimed(store, "w3")
    with store.write() as unit:
        unit.work.finish(third)
    assert fence() is None


def test_a_claim_that_is_rolled_back_did_not_happen(store: Store) -> None:
    _enqueue(store, "job_a")
    with pytest.raises(RuntimeError), store.write() as unit:
        assert unit.work.claim("w1", 30) is not None
        raise RuntimeError
    assert _claimed(store, "w2").fence == 1


def test_many_workers_never_share_work(store: Store) -> None:
    subjects = [f"job_{number:02}" for number in range(12)]
    for subject in subjects:
        _enqueue(store, subject)
    claimed: list[str] = []

    def work(worker_id: str) -> None:
        while lease := _claim(store, worker_id):
            claimed.append(lease.subject_id)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == subjects


def _enqueue(store: Store, subject_id: str) -> None:
    with store.write() as unit:
        unit.work.enqueue("train", subject_id)


def _claim(store: Store, worker_id: str) -> Lease | None:
    with store.write() as unit:
        return unit.work.claim(worker_id, 30)


def _claimed(store: Store, worker_id: str) -> Lease:
    lease = _claim(store, worker_id)
    assert lease is not None
    return lease
