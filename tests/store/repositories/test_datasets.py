"""Data sets and the blobs they announce."""

from dataclasses import fields
from datetime import timedelta

import pytest

from secure_ds.core.ids import new_id
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.errors import IllegalTransition
from secure_ds.store.errors import AlreadyExists, NotFound, UnknownCursor
from secure_ds.store.rows import DatasetSummary
from secure_ds.store.unit_of_work import Store
from tests.store.samples import NOON, add_dataset, blob, digest


def test_a_data_set_comes_back_as_it_went_in(store: Store) -> None:
    row = add_dataset(store)
    with store.read() as unit:
        assert unit.datasets.get(row.id) == row
        assert unit.datasets.get(new_id("ds")) is None


def test_a_data_set_moves_through_its_life(store: Store) -> None:
    row = add_dataset(store)
    with store.write() as unit:
        assert unit.datasets.move(row.id, DatasetState.CHECKING).state is DatasetState.CHECKING
    with store.write() as unit:
        refused = unit.datasets.move(row.id, DatasetState.REFUSED, ("norm_too_large", "record 7 in block 0"))
        assert unit.datasets.get(row.id) == refused
    assert (refused.refusal_code, refused.refusal_detail) == ("norm_too_large", "record 7 in block 0")


def test_an_illegal_move_changes_nothing(store: Store) -> None:
    row = add_dataset(store)
    with pytest.raises(IllegalTransition), store.write() as unit:
        unit.datasets.move(row.id, DatasetState.READY)
    with pytest.raises(NotFound), store.write() as unit:
        unit.datasets.move(new_id("ds"), DatasetState.CHECKING)
    with store.read() as unit:
        assert unit.datasets.get(row.id) == row


def test_a_list_holds_a_tenants_summaries_newest_first(store: Store) -> None:
    moments = [NOON + timedelta(seconds=second) for second in (0, 1, 1, 1, 2)]  # three at the same moment
    rows = [add_dataset(store, created_at=moment) for moment in moments]
    other = add_dataset(store, tenant="other")
    expected = sorted(rows, key=lambda row: (row.created_at, row.id), reverse=True)
    with store.read() as unit:
        seen: list[DatasetSummary] = []
        while page := unit.datasets.list("acme", seen[-1].id if seen else None, 2):
            seen += page
        everyone = unit.datasets.list(None, None, 100)
        with pytest.raises(UnknownCursor):
            unit.datasets.list("acme", other.id, 2)
    assert [row.id for row in seen] == [row.id for row in expected]
    assert {type(row) for row in seen} == {DatasetSummary}
    assert all(getattr(seen[0], field.name) == getattr(expected[0], field.name) for field in fields(DatasetSummary))
    assert {row.id for row in everyone} == {row.id for row in [*rows, other]}


def test_a_row_that_appears_later_does_not_shift_a_page(store: Store) -> None:
    old, new = (add_dataset(store, created_at=NOON + timedelta(seconds=second)) for second in (0, 1))
    with store.read() as unit:
        first = unit.datasets.list("acme", None, 1)
    add_dataset(store, created_at=NOON + timedelta(seconds=2))
    with store.read() as unit:
        assert [row.id for row in [*first, *unit.datasets.list("acme", first[0].id, 5)]] == [new.id, old.id]


def test_blobs_are_missing_until_they_are_complete(store: Store) -> None:
    row = add_dataset(store)
    keys = blob(9, kind="galois_keys", column=None, block=None, bytes=5_000_000_000)
    with store.write() as unit:
        unit.blobs.expect(row.id, [blob(2), blob(1), keys])
        assert unit.blobs.list(row.id) == [blob(1), blob(2), keys]
        unit.blobs.complete(row.id, digest(1))
        unit.blobs.complete(row.id, digest(1))
    with store.read() as unit:
        assert unit.blobs.missing(row.id) == [blob(2), keys]
        assert unit.blobs.get(row.id, digest(1)) == blob(1, complete=True)
        assert unit.blobs.get(row.id, digest(7)) is None


def test_a_blob_that_nobody_announced_cannot_be_complete(store: Store) -> None:
    mine, other = add_dataset(store), add_dataset(store)
    with store.write() as unit:
        unit.blobs.expect(mine.id, [blob(1)])
    with pytest.raises(NotFound), store.write() as unit:
        unit.blobs.complete(other.id, digest(1))


@pytest.mark.parametrize("second", [blob(1, column=5), blob(2, column=1)], ids=["same digest", "same place"])
def test_a_blob_is_announced_once(store: Store, second: object) -> None:
    row = add_dataset(store)
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.blobs.expect(row.id, [blob(1), second])  # type: ignore[list-item]
    with store.read() as unit:
        assert unit.blobs.list(row.id) == []
