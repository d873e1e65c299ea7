"""The two halves of a pair: never in one domain's hands at a time, and never the reason to wait for ever."""

import threading

import pytest

from secure_ds.store.errors import LeaseLost
from secure_ds.store.rows import Lease
from secure_ds.store.unit_of_work import Store
from tests.store.samples import HandClock

LEASE_SECONDS = 30


def test_two_domains_take_one_half_each(store: Store) -> None:
    _enqueue_pair(store, "job_a")
    first, second = _claimed(store, "north"), _claimed(store, "south")
    assert (first.kind, second.kind) == ("train", "confirm")
    assert (first.domain, second.domain) == ("north", "south")


@pytest.mark.parametrize("domain", ["north", None])
def test_neither_the_same_domain_nor_a_worker_without_one_takes_the_other_half(
    store: Store, domain: str | None
) -> None:
    _enqueue_pair(store, "job_a")
    _claimed(store, "north")
    assert _claim(store, domain) is None


def test_a_worker_without_a_domain_takes_what_comes_alone(store: Store, clock: HandClock) -> None:
    _enqueue_pair(store, "job_a")
    clock.advance(1)
    _enqueue(store, "job_b")
    assert _claimed(store, None).subject_id == "job_b"


def test_a_half_whose_holder_died_is_taken_over_by_any_domain_but_the_other_halfs(
    store: Store, clock: HandClock
) -> None:
    _enqueue_pair(store, "job_a")
    _claimed(store, "north")
    clock.advance(LEASE_SECONDS - 1)
    confirming = _claimed(store, "south")
    clock.advance(1)  # north's lease has run out, south's has not
    assert _claim(store, "south") is None
    taken = _claimed(store, "west")
    assert (taken.kind, taken.fence) == ("train", 2)
    with store.write() as unit:
        unit.work.check(confirming)


def test_a_domain_may_change_sides_when_both_holders_died(store: Store, clock: HandClock) -> None:
    _enqueue_pair(store, "job_a")
    _claimed(store, "north")
    _claimed(store, "south")
    clock.advance(LEASE_SECONDS)
    assert _claimed(store, "south").kind == "train"
    assert _claimed(store, "north").kind == "confirm"


def test_a_half_that_is_waited_for_comes_before_older_work(store: Store, clock: HandClock) -> None:
    _enqueue(store, "job_old")
    clock.advance(1)
    _enqueue_pair(store, "job_a")
    with store.write() as unit:
        old = unit.work.claim("w", LEASE_SECONDS)
    assert old is not None
    _claimed(store, "north")
    clock.advance(LEASE_SECONDS - 1)
    with store.write() as unit:
        unit.work.renew(Lease("train", "job_a", "worker-of-north", 1, clock.now(), "north"), LEASE_SECONDS)
    clock.advance(1)  # the old job is free again, and older
    assert _claimed(store, "south").subject_id == "job_a"


def test_two_waiting_workers_of_two_pairs_come_together(store: Store, clock: HandClock) -> None:
    """Each holds one half, and whoever held the others has died: one of them gives way and joins the other."""
    north, south = _two_halves_of_two_pairs(store, clock)
    assert _gives_way(store, north)
    with pytest.raises(LeaseLost), store.write() as unit:
        unit.work.check(north)
    joined = _claimed(store, "north")
    assert (joined.subject_id, joined.kind) == (south.subject_id, "confirm")
    assert not _gives_way(store, south)


def test_both_giving_way_at_once_come_together_too(store: Store, clock: HandClock) -> None:
    """What two transactions on PostgreSQL may decide when neither sees the other."""
    north, south = _two_halves_of_two_pairs(store, clock)
    assert _gives_way(store, north)
    with store.write() as unit:
        unit.work.let_go(south)
    assert _claimed(store, "north").subject_id == _claimed(store, "south").subject_id


def test_who_waits_for_a_holder_that_lives_keeps_its_place(store: Store, clock: HandClock) -> None:
    _enqueue_pair(store, "job_a")
    north = _claimed(store, "north")
    _claimed(store, "south")
    clock.advance(1)
    _enqueue_pair(store, "job_b")
    _claimed(store, "west")
    assert not _gives_way(store, north)


def test_who_waits_gives_way_to_nothing_that_others_can_do(store: Store, clock: HandClock) -> None:
    _enqueue_pair(store, "job_a")
    north = _claimed(store, "north")
    clock.advance(1)
    _enqueue(store, "job_b")
    _enqueue_pair(store, "job_c")
    assert not _gives_way(store, north)


def test_who_only_confirms_takes_nothing_else_and_gives_way_to_nothing_else(store: Store, clock: HandClock) -> None:
    with store.write() as unit:
        unit.work.enqueue("check_dataset", "ds_a")
        assert unit.work.claim("w", LEASE_SECONDS, "south", ["confirm"]) is None
        unit.work.enqueue_pair("job_a")
        lease = unit.work.claim("w", 10 * LEASE_SECONDS, "south", ["confirm"])
    assert lease is not None and lease.kind == "confirm"
    clock.advance(1)
    _enqueue_pair(store, "job_b")
    with store.write() as unit:
        assert unit.work.claim("x", LEASE_SECONDS, "north", ["train"]) is not None
        assert unit.work.claim("y", LEASE_SECONDS, "north", ["train"]) is not None
    clock.advance(LEASE_SECONDS)  # job_a's first half is free, job_b's too: nobody waits
    with store.write() as unit:
        assert not unit.work.is_wanted_elsewhere(lease, ["confirm"])
        assert unit.work.claim("z", LEASE_SECONDS, "west", ["confirm"]) is not None
        assert unit.work.is_wanted_elsewhere(lease)
        assert not unit.work.is_wanted_elsewhere(lease, ["confirm"])


def test_the_end_of_the_whole_is_the_end_of_both_halves(store: Store, clock: HandClock) -> None:
    _enqueue_pair(store, "job_a")
    training, confirming = _claimed(store, "north"), _claimed(store, "south")
    with store.write() as unit:
        unit.work.finish_whole(training)
    for lease in (training, confirming):
        with pytest.raises(LeaseLost), store.write() as unit:
            unit.work.check(lease)
    clock.advance(LEASE_SECONDS)
    assert _claim(store, "west") is None


def test_one_half_may_end_before_the_other(store: Store) -> None:
    _enqueue_pair(store, "job_a")
    training, confirming = _claimed(store, "north"), _claimed(store, "south")
    with store.write() as unit:
        unit.work.finish(confirming)
    with store.write() as unit:
        unit.work.check(training)
        unit.work.finish_whole(training)


def test_claimers_at_the_same_moment_never_hold_both_halves_of_a_domain(store: Store) -> None:
    subjects = [f"job_{number:02}" for number in range(6)]
    for subject in subjects:
        _enqueue_pair(store, subject)
    claimed: list[Lease] = []

    def work(domain: str) -> None:
        misses = 0
        while misses < 5:  # a claim that met another's lock finds nothing once
            lease = _claim(store, domain)
            misses = 0 if lease else misses + 1
            if lease:
                claimed.append(lease)

    threads = [threading.Thread(target=work, args=(domain,)) for domain in ("north", "north", "south", "south")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((lease.subject_id, lease.domain) for lease in claimed) == [
        (subject, domain) for subject in subjects for domain in ("north", "south")
    ]


def _two_halves_of_two_pairs(store: Store, clock: HandClock) -> tuple[Lease, Lease]:
    _enqueue_pair(store, "job_a")
    north = _claimed(store, "north")
    _claimed(store, "west")
    clock.advance(1)
    _enqueue_pair(store, "job_b")
    south = _claimed(store, "south")
    with store.write() as unit:
        unit.work.renew(north, 10 * LEASE_SECONDS)
        unit.work.renew(south, 10 * LEASE_SECONDS)
    clock.advance(LEASE_SECONDS)  # west's lease has run out
    assert (north.subject_id, south.subject_id) == ("job_a", "job_b")
    return north, south


def _gives_way(store: Store, lease: Lease) -> bool:
    with store.write() as unit:
        wanted = unit.work.is_wanted_elsewhere(lease)
        if wanted:
            unit.work.let_go(lease)
        return wanted


def _enqueue(store: Store, subject_id: str) -> None:
    with store.write() as unit:
        unit.work.enqueue("train", subject_id)


def _enqueue_pair(store: Store, subject_id: str) -> None:
    with store.write() as unit:
        unit.work.enqueue_pair(subject_id)


def _claim(store: Store, domain: str | None) -> Lease | None:
    with store.write() as unit:
        return unit.work.claim(f"worker-of-{domain}", LEASE_SECONDS, domain)


def _claimed(store: Store, domain: str | None) -> Lease:
    lease = _claim(store, domain)
    assert lease is not None
    return lease
