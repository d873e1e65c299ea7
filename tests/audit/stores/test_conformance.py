"""One suite over every store: memory, SQLite and PostgreSQL keep the same log and answer the same questions."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from audit.entry import Outcome
from audit.errors import CheckpointConflict, EventConflict, InvalidCursor, OutOfRange
from audit.log import AuditLog
from audit.merkle import EMPTY_ROOT, leaf_hash, verify_consistency, verify_inclusion
from audit.query import MAX_PAGE, EntryFilter, encode_cursor
from audit.stores.memory import MemoryStore
from tests.audit.support import (
    ORIGIN,
    SealedLog,
    SteppingClock,
    actor,
    draft,
    install,
    make_engine,
    reference_root,
    sql_log,
)
from tests.postgres import fresh_database


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AuditLog]:
    if request.param == "memory":
        yield AuditLog(MemoryStore(), SteppingClock())
    elif request.param == "sqlite":
        yield from installed(f"sqlite:///{tmp_path}/audit.db")
    else:
        with fresh_database() as url:
            yield from installed(url)


def installed(url: str) -> Iterator[AuditLog]:
    engine = make_engine(url)
    with engine.begin() as connection:
        install(connection)
    with sql_log(engine) as log:
        yield log
    engine.dispose()


def indexes(log: AuditLog, wanted: EntryFilter) -> list[int]:
    return [found.index for found in log.search(wanted)]


def test_an_empty_log(log: AuditLog) -> None:
    assert log.head().size == 0
    assert log.head().root == EMPTY_ROOT
    assert log.latest_checkpoint() is None
    assert log.query(EntryFilter(tenant=None)).entries == ()
    with pytest.raises(OutOfRange):
        log.entry(0)


def test_entries_are_numbered_and_kept_byte_for_byte(log: AuditLog) -> None:
    appended = [log.append(draft(object_id=f"key_{number}")) for number in range(9)]
    assert [place.index for place in appended] == list(range(9))
    for place in appended:
        stored = log.entry(place.index)
        assert leaf_hash(stored.data) == stored.leaf_hash == place.leaf_hash
        assert stored.read().index == place.index
        assert stored.read().draft.object_id == f"key_{place.index}"
    assert [stored.index for stored in log.walk(2, 7)] == [2, 3, 4, 5, 6]


def test_salts_differ(log: AuditLog) -> None:
    first, second = (log.entry(log.append(draft()).index).read() for _ in range(2))
    assert first.salt != second.salt


def test_roots_and_proofs_at_every_size(log: AuditLog) -> None:
    leaves: list[bytes] = []
    for size in range(1, 36):
        leaves.append(log.append(draft()).leaf_hash)
        assert log.head() == log.head().__class__(size, reference_root(leaves))
    roots = [reference_root(leaves[:size]) for size in range(36)]
    for size in (1, 2, 7, 16, 31, 35):
        assert log.root_at(size) == roots[size]
        for index in range(size):
            verify_inclusion(index, size, leaves[index], log.inclusion_proof(index, size), roots[size])
        for old in range(size + 1):
            verify_consistency(old, size, roots[old], roots[size], log.consistency_proof(old, size))


def test_proofs_beyond_the_log_are_refused(log: AuditLog) -> None:
    log.append(draft())
    for ask in (
        lambda: log.inclusion_proof(0, 2),
        lambda: log.inclusion_proof(1, 1),
        lambda: log.consistency_proof(1, 2),
        lambda: log.consistency_proof(1, 0),
        lambda: log.root_at(2),
        lambda: log.root_at(-1),
        lambda: log.frontier(2),
        lambda: list(log.walk(0, 2)),
        lambda: log.entry(1),
        lambda: log.entry(-1),
    ):
        with pytest.raises(OutOfRange):
            ask()


def test_an_event_is_recorded_once(log: AuditLog) -> None:
    first = log.append(draft(event_id="evt-1", details={"step": 1}))
    log.append(draft())
    assert log.append(draft(event_id="evt-1", details={"step": 1})) == first
    assert log.head().size == 2
    with pytest.raises(EventConflict, match="entry 0"):
        log.append(draft(event_id="evt-1", details={"step": 2}))
    assert log.append(draft(event_id="evt-2")).index == 2


FIELDS: list[dict[str, Any]] = [
    {"action": "dataset.upload", "dataset_id": "ds_1", "actor": actor("user_bob")},
    {"action": "job.submit", "dataset_id": "ds_1", "job_id": "job_1", "request_id": "req_1"},
    {"action": "job.submit", "dataset_id": "ds_2", "job_id": "job_2", "outcome": Outcome.DENIED},
    {"action": "model.release", "model_id": "model_1", "job_id": "job_1", "tenant": "bank"},
    {
        "action": "keys.rotate",
        "object_id": "key_1",
        "tenant": None,
        "details": {"reason": "Yearly 100%_Rotation", "n": 17},
    },
]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"tenant": "clinic"}, [2, 1, 0]),
        ({"tenant": "bank"}, [3]),
        ({"tenant": "nobody"}, []),
        ({"actor_id": "user_bob"}, [0]),
        ({"action": "job.submit"}, [2, 1]),
        ({"outcome": Outcome.DENIED}, [2]),
        ({"dataset_id": "ds_1"}, [1, 0]),
        ({"job_id": "job_1"}, [3, 1]),
        ({"job_id": "job_1", "tenant": "clinic"}, [1]),
        ({"model_id": "model_1"}, [3]),
        ({"object_id": "key_1"}, [4]),
        ({"request_id": "req_1"}, [1]),
        ({"text": "SUBMIT"}, [2, 1]),
        ({"text": "yearly 100%_rot"}, [4]),
        ({"text": "17"}, [4]),
        ({"text": "%"}, [4]),
        ({"text": "_"}, [4, 3, 2, 1, 0]),
        ({"text": "reason"}, []),  # a field's name is not its value
        ({"text": "' OR 1=1 --"}, []),
    ],
)
def test_filters(log: AuditLog, wanted: dict[str, Any], expected: list[int]) -> None:
    for fields in FIELDS:
        log.append(draft(**{"action": "a", **fields}))
    assert indexes(log, EntryFilter(**{"tenant": None, **wanted})) == expected


def test_times(log: AuditLog) -> None:
    moments = [log.entry(log.append(draft()).index).read().time for _ in range(4)]
    assert indexes(log, EntryFilter(tenant=None, since=moments[1])) == [3, 2, 1]
    assert indexes(log, EntryFilter(tenant=None, until=moments[1])) == [0]
    assert indexes(log, EntryFilter(tenant=None, since=moments[1], until=moments[3])) == [2, 1]
    assert indexes(log, EntryFilter(tenant=None, since=moments[3] + timedelta(microseconds=1))) == []


def test_pages_stay_put_while_the_log_grows(log: AuditLog) -> None:
    for _ in range(7):
        log.append(draft())
    wanted, seen, cursor = EntryFilter(tenant="clinic"), [], None
    while True:
        page = log.query(wanted, cursor, limit=3)
        seen.append([found.index for found in page.entries])
        log.append(draft())  # somebody else works meanwhile
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert seen == [[6, 5, 4], [3, 2, 1], [0]]


def test_a_page_that_ends_exactly_has_no_next(log: AuditLog) -> None:
    for _ in range(3):
        log.append(draft())
    assert log.query(EntryFilter(tenant=None), limit=3).next_cursor is None


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "!!", "djE6", "djE6LTE", encode_cursor(3) + "A", encode_cursor(3) + "=", encode_cursor(2**63), "é"],
)
def test_cursors_of_others_are_refused(log: AuditLog, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        log.query(EntryFilter(tenant=None), cursor)


@pytest.mark.parametrize("limit", [0, -1, MAX_PAGE + 1])
def test_page_sizes_are_bounded(log: AuditLog, limit: int) -> None:
    with pytest.raises(OutOfRange):
        log.query(EntryFilter(tenant=None), limit=limit)


def test_checkpoints_are_kept_in_order(log: AuditLog) -> None:
    sealed, notes = SealedLog(log=log), []
    for _ in range(3):
        sealed.record(2)
        notes.append(sealed.seal().note)
    assert log.latest_checkpoint() == notes[-1]
    assert list(log.checkpoints(0, 7)) == notes
    assert list(log.checkpoints(3, 6)) == notes[1:2]
    sealed.seal()  # the same tree head again changes nothing
    assert list(log.checkpoints(0, 7)) == notes


def test_a_checkpoint_that_the_log_does_not_bear_out_is_refused(log: AuditLog) -> None:
    sealed, longer = SealedLog(log=log), SealedLog()
    sealed.record(2)
    longer.record(3)
    ahead = longer.seal()
    with pytest.raises(CheckpointConflict):
        log.store_checkpoint(ahead)
    sealed.record(1)
    with pytest.raises(CheckpointConflict):
        log.store_checkpoint(ahead)
    assert log.latest_checkpoint() is None
    assert log.next_checkpoint(ORIGIN).size == 3
