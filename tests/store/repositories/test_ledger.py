"""The budgets: one admitted after the other, spent once, settled once, never rewritten."""

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from secure_ds.core.ids import new_id
from secure_ds.privacy.errors import BudgetExceeded, IllegalSpend, PrivacyError, ReleasesExceeded, StepConflict
from secure_ds.privacy.ledger import Budget
from secure_ds.store.errors import AlreadyExists, NotFound
from secure_ds.store.unit_of_work import Store
from tests.store.samples import LIMIT, NOON, add_dataset, digest

THIRD = LIMIT.units // 3


@pytest.fixture
def dataset_id(store: Store) -> str:
    """A data set with a budget."""
    row = add_dataset(store)
    with store.write() as unit:
        unit.ledger.open(row.id, LIMIT)
    return row.id


def test_a_new_budget_is_whole(store: Store, dataset_id: str) -> None:
    with store.read() as unit:
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT)
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.ledger.open(dataset_id, LIMIT)


def test_a_successor_opens_with_what_was_spent(store: Store, dataset_id: str) -> None:
    job_id, successor = new_id("job"), add_dataset(store).id
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, job_id, (10, 20))
        unit.ledger.spend(dataset_id, job_id, 0, digest(1))
        unit.ledger.settle(job_id)
        longer = replace(LIMIT, releases=LIMIT.releases + 3)
        unit.ledger.open(successor, longer, unit.ledger.budget(dataset_id))
    with store.read() as unit:
        assert unit.ledger.budget(successor) == Budget(longer, 10, 0, LIMIT.releases, 0)
        assert unit.ledger.spends(successor) == []


def test_a_life_of_a_reservation(store: Store, dataset_id: str) -> None:
    job_id = new_id("job")
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, job_id, (10, 20, 30))
    with store.write() as unit:
        row = unit.ledger.spend(dataset_id, job_id, 0, digest(1))
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT, 10, 50, 1, 2)
    with store.write() as unit:
        settled = unit.ledger.settle(job_id)
        assert unit.ledger.settle(job_id) == settled == {dataset_id: unit.ledger.reservation(dataset_id, job_id)}
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT, 10, 0, 1, 0)
        assert unit.ledger.spends(dataset_id) == [row]
    assert (row.step, row.units, row.digest, row.spent_at) == (0, 10, digest(1), NOON)


def test_a_spend_happens_once(store: Store, dataset_id: str) -> None:
    job_id = new_id("job")
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, job_id, (10, 20))
        first = unit.ledger.spend(dataset_id, job_id, 0, digest(1))
    with store.write() as unit:
        assert unit.ledger.spend(dataset_id, job_id, 0, digest(1)) == first
        unit.ledger.settle(job_id)
        assert unit.ledger.spend(dataset_id, job_id, 0, digest(1)) == first  # also when the job is over
    with pytest.raises(StepConflict), store.write() as unit:
        unit.ledger.spend(dataset_id, job_id, 0, digest(2))
    with pytest.raises(IllegalSpend), store.write() as unit:
        unit.ledger.spend(dataset_id, job_id, 1, digest(2))
    with store.read() as unit:
        assert unit.ledger.spends(dataset_id) == [first]
        assert unit.ledger.budget(dataset_id).spent_units == 10


def test_a_job_on_two_data_sets_spends_in_both_and_settles_both(store: Store, dataset_id: str) -> None:
    job_id, other = new_id("job"), add_dataset(store).id
    with store.write() as unit:
        unit.ledger.open(other, LIMIT)
        for each in (dataset_id, other):
            unit.ledger.reserve(each, job_id, (10, 20))
            unit.ledger.spend(each, job_id, 0, digest(1))
    with store.write() as unit:
        unit.ledger.spend(other, job_id, 1, digest(2))
        assert set(unit.ledger.settle(job_id)) == {dataset_id, other}
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT, 10, 0, 1, 0)
        assert unit.ledger.budget(other) == Budget(LIMIT, 30, 0, 2, 0)
        assert [row.step for row in unit.ledger.spends(other)] == [0, 1]
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.ledger.reserve(other, job_id, (10,))


def test_what_does_not_fit_is_refused_and_says_what_would(store: Store, dataset_id: str) -> None:
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, new_id("job"), (THIRD,))
    with pytest.raises(BudgetExceeded) as caught, store.write() as unit:
        unit.ledger.reserve(dataset_id, new_id("job"), (LIMIT.units,))
    fitting = LIMIT.units_for(caught.value.largest_epsilon, LIMIT.delta)
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, new_id("job"), (fitting,))
    with pytest.raises(ReleasesExceeded), store.write() as unit:
        unit.ledger.reserve(dataset_id, new_id("job"), (1,) * LIMIT.releases)


def test_strangers_have_nothing_to_spend(store: Store, dataset_id: str) -> None:
    job_id, other = new_id("job"), add_dataset(store).id
    with store.write() as unit:
        unit.ledger.open(other, LIMIT)
        unit.ledger.reserve(dataset_id, job_id, (10,))
    actions: list[Callable[[], object]] = []
    with store.write() as unit:
        actions = [
            lambda: unit.ledger.spend(other, job_id, 0, digest(1)),
            lambda: unit.ledger.spend(dataset_id, new_id("job"), 0, digest(1)),
            lambda: unit.ledger.settle(new_id("job")),
            lambda: unit.ledger.budget(new_id("ds")),
            lambda: unit.ledger.reserve(new_id("ds"), new_id("job"), (1,)),
        ]
        for action in actions:
            with pytest.raises(NotFound):
                action()
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.ledger.reserve(dataset_id, job_id, (10,))


def test_fifty_at_once_against_a_budget_for_three_admit_three(store: Store, dataset_id: str) -> None:
    outcomes: list[str] = []

    def submit() -> None:
        try:
            with store.write() as unit:
                unit.ledger.reserve(dataset_id, new_id("job"), (THIRD - 1, 1))
            outcomes.append("admitted")
        except BudgetExceeded as error:
            outcomes.append(error.code)

    _together([submit] * 50)
    assert sorted(outcomes) == ["admitted"] * 3 + ["budget_exceeded"] * 47
    with store.read() as unit:
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT, 0, 3 * THIRD, 0, 6)


def test_the_same_step_from_many_workers_is_spent_once(store: Store, dataset_id: str) -> None:
    job_id = new_id("job")
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, job_id, (7, 8))

    def spend() -> None:
        with store.write() as unit:
            unit.ledger.spend(dataset_id, job_id, 0, digest(1))

    _together([spend] * 12)
    with store.read() as unit:
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT, 7, 8, 1, 1)
        assert len(unit.ledger.spends(dataset_id)) == 1


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_totals_are_the_sums_whatever_happens(store: Store, data: st.DataObject) -> None:
    """Random reserves, spends (right, repeated, wrong) and settles; then the books are added up from their rows."""
    dataset_id = add_dataset(store).id
    with store.write() as unit:
        unit.ledger.open(dataset_id, LIMIT)
    job_ids = [new_id("job") for _ in range(3)]
    for _ in range(data.draw(st.integers(1, 12))):
        job_id = data.draw(st.sampled_from(job_ids))
        charges = tuple(data.draw(st.lists(st.integers(1, THIRD), min_size=1, max_size=3)))
        number = data.draw(st.integers(0, 3))
        name = data.draw(st.sampled_from(["reserve", "spend", "settle"]))
        try:
            with store.write() as unit:
                match name:
                    case "reserve":
                        unit.ledger.reserve(dataset_id, job_id, charges)
                    case "spend":
                        unit.ledger.spend(dataset_id, job_id, number, digest(len(charges)))
                    case "settle":
                        unit.ledger.settle(job_id)
        except (PrivacyError, NotFound, AlreadyExists):
            continue
    with store.read() as unit:
        held = []
        for job_id in job_ids:
            try:
                held.append(unit.ledger.reservation(dataset_id, job_id))
            except NotFound:
                continue
        spends = unit.ledger.spends(dataset_id)
        budget = unit.ledger.budget(dataset_id)
    assert budget.spent_units == sum(row.units for row in spends) == sum(row.spent_units for row in held)
    assert budget.spent_releases == len(spends)
    assert budget.reserved_units == sum(row.open_units for row in held)
    assert budget.reserved_releases == sum(row.open_releases for row in held)
    assert budget.spent_units + budget.reserved_units <= LIMIT.units


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE spends SET units = 1",
        "DELETE FROM spends",
        "INSERT OR REPLACE INTO spends SELECT job_id, step, dataset_id, 1, digest, spent_at FROM spends",
        "TRUNCATE spends",
    ],
)
def test_the_database_refuses_to_change_what_was_spent(
    store: Store, engine: Engine, dataset_id: str, statement: str
) -> None:
    if (engine.dialect.name, statement.split()[0]) in {("sqlite", "TRUNCATE"), ("postgresql", "INSERT")}:
        return  # a verb that this engine does not have
    job_id = new_id("job")
    with store.write() as unit:
        unit.ledger.reserve(dataset_id, job_id, (10,))
        row = unit.ledger.spend(dataset_id, job_id, 0, digest(1))
    with pytest.raises(IntegrityError, match="what was spent stays spent"), engine.begin() as connection:
        connection.execute(text(statement))
    with store.read() as unit:
        assert unit.ledger.spends(dataset_id) == [row]


@pytest.mark.parametrize(
    "change",
    ["reserved_units = limit_units + 1", "spent_units = -1", "spent_releases = releases + 1", "reserved_releases = -1"],
)
def test_the_database_refuses_totals_beyond_the_limit(
    store: Store, engine: Engine, dataset_id: str, change: str
) -> None:
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text(f"UPDATE budgets SET {change}"))  # noqa: S608  our own text
    with store.read() as unit:
        assert unit.ledger.budget(dataset_id) == Budget(LIMIT)


def _together(actions: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
