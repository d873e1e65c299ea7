"""The budget as a state machine: in whatever order, the limit holds and nothing that was released is refunded."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from secure_ds.privacy.errors import (
    BudgetExceeded,
    IllegalSpend,
    InvalidPrivacyParameter,
    PrivacyError,
    ReleasesExceeded,
    StepConflict,
)
from secure_ds.privacy.ledger import Budget, Limit, Reservation, reserve, settle, spend

LIMIT = Limit(epsilon=1.0, delta=1e-5, releases=40, coordinates=31)
TENTH = LIMIT.units // 10


class LedgerMachine(RuleBasedStateMachine):
    """Random jobs against one budget, compared with a plain list of what was released."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(LIMIT)
        self.reservations: dict[str, Reservation] = {}
        self.released: dict[tuple[str, int], int] = {}
        self.most_spent = 0

    @rule(target=jobs, charges=st.lists(st.integers(1, 2 * TENTH), min_size=1, max_size=12))
    def reserve(self, charges: list[int]) -> str:
        job = f"job_{len(self.reservations)}"
        fits = sum(charges) <= self.budget.available_units and len(charges) <= self.budget.available_releases
        try:
            self.budget, held = reserve(self.budget, job, tuple(charges))
            assert fits
        except (BudgetExceeded, ReleasesExceeded):
            assert not fits
            held = Reservation(job, tuple(charges), settled=True)
        self.reservations[job] = held
        return job

    @rule(job=jobs, step=st.integers(-1, 12), digest=st.sampled_from("ab"))
    def spend(self, job: str, step: int, digest: str) -> None:
        held, before = self.reservations[job], self.budget
        try:
            self.budget, self.reservations[job] = spend(self.budget, held, step, digest)
        except PrivacyError:
            assert (self.budget, self.reservations[job]) == (before, held)
            return
        self.released.setdefault((job, step), held.charges[step])

    @rule(job=jobs)
    def spend_next(self, job: str) -> None:
        self.spend(job, len(self.reservations[job].digests), "a")

    @rule(job=jobs)
    def settle(self, job: str) -> None:
        open_units = self.reservations[job].open_units
        before = self.budget
        self.budget, self.reservations[job] = settle(self.budget, self.reservations[job])
        assert self.budget.available_units == before.available_units + open_units
        assert settle(self.budget, self.reservations[job]) == (self.budget, self.reservations[job])

    @invariant()
    def limit_holds(self) -> None:
        assert self.budget.spent_units + self.budget.reserved_units <= LIMIT.units
        assert self.budget.spent_releases + self.budget.reserved_releases <= LIMIT.releases

    @invariant()
    def spent_is_what_was_released_and_never_falls(self) -> None:
        assert self.budget.spent_units == sum(self.released.values()) >= self.most_spent
        assert self.budget.spent_releases == len(self.released)
        self.most_spent = self.budget.spent_units

    @invariant()
    def reserved_is_what_is_open(self) -> None:
        assert self.budget.reserved_units == sum(r.open_units for r in self.reservations.values())
        assert self.budget.reserved_releases == sum(r.open_releases for r in self.reservations.values())


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_job_of_the_whole_limit_fits_exactly_once() -> None:
    units = LIMIT.units_for(1.0, 1e-5)
    budget, _ = reserve(Budget(LIMIT), "job_a", (units,))
    assert budget.available_units == 0
    with pytest.raises(BudgetExceeded, match="no job fits"):
        reserve(budget, "job_b", (1,))


def test_the_refusal_names_an_epsilon_that_then_fits() -> None:
    budget, _ = reserve(Budget(LIMIT), "job_a", (6 * TENTH,))
    with pytest.raises(BudgetExceeded) as refused:
        reserve(budget, "job_b", (5 * TENTH,))
    epsilon = refused.value.largest_epsilon
    assert str(epsilon) in str(refused.value)
    assert 0.5 < epsilon < 0.7
    reserve(budget, "job_b", (LIMIT.units_for(epsilon, 1e-5),))


def test_more_steps_than_decryptions_left_are_refused() -> None:
    with pytest.raises(ReleasesExceeded, match="only 40 are left"):
        reserve(Budget(LIMIT), "job_a", (1,) * 41)


def test_a_step_is_bound_to_its_ciphertext() -> None:
    state = reserve(Budget(LIMIT), "job_a", (5, 5))
    state = spend(*state, 0, "first")
    assert spend(*state, 0, "first") == state
    with pytest.raises(StepConflict):
        spend(*state, 0, "second")


def test_a_settled_job_still_answers_for_its_past_but_spends_no_more() -> None:
    state = spend(*reserve(Budget(LIMIT), "job_a", (5, 7)), 0, "first")
    state = settle(*state)
    assert state[0].spent_units == 5
    assert state[0].reserved_units == 0
    assert spend(*state, 0, "first") == state
    with pytest.raises(IllegalSpend, match="settled"):
        spend(*state, 1, "next")


@pytest.mark.parametrize("step", [-1, 1, 2, 7])
def test_steps_are_spent_in_order(step: int) -> None:
    with pytest.raises(IllegalSpend, match="0 of 2 steps"):
        spend(*reserve(Budget(LIMIT), "job_a", (5, 5)), step, "digest")


@pytest.mark.parametrize("charges", [(), (0,), (5, -1)])
def test_a_free_job_is_refused(charges: tuple[int, ...]) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="at least one"):
        reserve(Budget(LIMIT), "job_a", charges)


def test_a_budget_outside_its_limit_cannot_be_built() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="within its limit"):
        Budget(LIMIT, spent_units=LIMIT.units + 1)
    with pytest.raises(InvalidPrivacyParameter, match="within its limit"):
        Budget(LIMIT, spent_units=5, reserved_units=-5)
