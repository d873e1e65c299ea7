"""Renyi budgets: one admitted after the other, spent once, settled once, never rewritten."""

import threading

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DatabaseError

from secure_ds.core.ids import new_id
from secure_ds.privacy.errors import IllegalSpend, RenyiBudgetExceeded
from secure_ds.privacy.renyi import RenyiLimit, open_budget
from secure_ds.store.errors import AlreadyExists, NotFound
from secure_ds.store.unit_of_work import Store
from tests.store.samples import add_dataset

LIMIT = RenyiLimit(3.0, 1e-5, (4.0, 16.0, 64.0))
COST = tuple(max(1, room // 10) for room in LIMIT.capacity)  # ten steps fill every order that can serve


@pytest.fixture
def dataset_id(store: Store) -> str:
    """A data set with a budget."""
    row = add_dataset(store)
    with store.write() as unit:
        unit.renyi_ledger.open(row.id, open_budget(LIMIT))
    return row.id


def test_a_new_budget_is_whole(store: Store, dataset_id: str) -> None:
    with store.read() as unit:
        assert unit.renyi_ledger.budget(dataset_id) == open_budget(LIMIT)
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.renyi_ledger.open(dataset_id, open_budget(LIMIT))
    with pytest.raises(NotFound), store.read() as unit:
        unit.renyi_ledger.budget(new_id("ds"))


def test_a_life_of_a_reservation(store: Store, dataset_id: str) -> None:
    job_id = new_id("job")
    with store.write() as unit:
        unit.renyi_ledger.reserve(dataset_id, job_id, COST, 6)
    for steps in (2, 2, 1, 4):
        with store.write() as unit:
            unit.renyi_ledger.spend_through(dataset_id, job_id, steps)
    with store.read() as unit:
        assert unit.renyi_ledger.reservation(dataset_id, job_id).spent_steps == 4
    for _ in range(2):
        with store.write() as unit:
            assert unit.renyi_ledger.settle(dataset_id, job_id).settled
    with store.read() as unit:
        budget = unit.renyi_ledger.budget(dataset_id)
    assert budget.spent == tuple(4 * cost for cost in COST) and not any(budget.reserved)
    with pytest.raises(IllegalSpend), store.write() as unit:
        unit.renyi_ledger.spend_through(dataset_id, job_id, 5)


def test_what_does_not_fit_leaves_no_trace(store: Store, dataset_id: str) -> None:
    with pytest.raises(RenyiBudgetExceeded) as refused, store.write() as unit:
        unit.renyi_ledger.reserve(dataset_id, new_id("job"), COST, 11)
    assert refused.value.fitting_steps == 10
    with store.read() as unit:
        assert unit.renyi_ledger.budget(dataset_id) == open_budget(LIMIT)


def test_concurrent_submitters_are_admitted_one_after_the_other(store: Store, dataset_id: str) -> None:
    outcomes: list[bool] = []

    def submit() -> None:
        try:
            with store.write() as unit:
                unit.renyi_ledger.reserve(dataset_id, new_id("job"), COST, 3)
            outcomes.append(True)
        except RenyiBudgetExceeded:
            outcomes.append(False)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True] * 3


@pytest.mark.parametrize("change", ["UPDATE renyi_spends SET through = 1", "DELETE FROM renyi_spends"])
def test_spends_cannot_be_rewritten(store: Store, engine: Engine, dataset_id: str, change: str) -> None:
    job_id = new_id("job")
    with store.write() as unit:
        unit.renyi_ledger.reserve(dataset_id, job_id, COST, 6)
        unit.renyi_ledger.spend_through(dataset_id, job_id, 3)
    with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
        connection.execute(text(change))
