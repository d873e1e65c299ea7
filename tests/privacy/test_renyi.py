"""The budget at Renyi orders as a state machine: in whatever order, one order holds and nothing released comes back."""

from math import log

import pytest
from dp_accounting.rdp.rdp_privacy_accountant import compute_epsilon
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from secure_ds.privacy.errors import IllegalSpend, InvalidPrivacyParameter, PrivacyError, RenyiBudgetExceeded
from secure_ds.privacy.renyi import (
    DEFAULT_ORDERS,
    UNITS_PER_RDP,
    Cost,
    RenyiBudget,
    RenyiLimit,
    RenyiReservation,
    fitting_steps,
    gaussian_cost,
    inherit_gaussian,
    open_budget,
    reserve,
    settle,
    spend_through,
)
from secure_ds.privacy.renyi_cost import step_cost
from secure_ds.privacy.sampled import SampledGaussian

ORDERS = (4.0, 16.0, 64.0)
LIMIT = RenyiLimit(epsilon=6.0, delta=1e-5, orders=ORDERS)
STEPS = st.tuples(*(st.integers(1, room // 8) for room in LIMIT.capacity))


class RenyiMachine(RuleBasedStateMachine):
    """Random jobs against one budget, compared with a plain count of the steps that were released."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.budget = open_budget(LIMIT)
        self.reservations: dict[str, RenyiReservation] = {}
        self.released: dict[str, int] = {}
        self.most_spent: Cost = self.budget.spent

    @rule(target=jobs, cost=STEPS, steps=st.integers(1, 12))
    def reserve(self, cost: Cost, steps: int) -> str:
        job = f"job_{len(self.reservations)}"
        fitting = fitting_steps(self.budget, cost)
        try:
            self.budget, held = reserve(self.budget, job, cost, steps)
            assert steps <= fitting
        except RenyiBudgetExceeded as refused:
            assert steps > fitting == refused.fitting_steps
            held = RenyiReservation(job, cost, steps, settled=True)
        self.reservations[job], self.released[job] = held, 0
        return job

    @rule(job=jobs, steps=st.integers(-1, 13))
    def spend_through(self, job: str, steps: int) -> None:
        held, before = self.reservations[job], self.budget
        try:
            self.budget, self.reservations[job] = spend_through(self.budget, held, steps)
        except PrivacyError:
            assert (self.budget, self.reservations[job]) == (before, held)
            assert held.settled or not 0 <= steps <= held.steps
            return
        again = spend_through(self.budget, self.reservations[job], steps)
        assert again == (self.budget, self.reservations[job])
        self.released[job] = max(self.released[job], steps)

    @rule(job=jobs)
    def settle(self, job: str) -> None:
        held, before = self.reservations[job], self.budget
        self.budget, self.reservations[job] = settle(before, held)
        returned = tuple(a - b for a, b in zip(before.held, self.budget.held, strict=True))
        left = 0 if held.settled else held.steps - self.released[job]
        assert returned == tuple(left * cost for cost in held.step_cost)
        assert settle(self.budget, self.reservations[job]) == (self.budget, self.reservations[job])

    @invariant()
    def one_order_holds(self) -> None:
        assert any(held <= room for held, room in zip(self.budget.held, LIMIT.capacity, strict=True))
        assert LIMIT.epsilon_of(self.budget.held) <= LIMIT.epsilon

    @invariant()
    def spent_is_what_was_released_and_never_falls(self) -> None:
        spent = [
            sum(steps * self.reservations[job].step_cost[order] for job, steps in self.released.items())
            for order in range(len(ORDERS))
        ]
        assert list(self.budget.spent) == spent
        assert all(now >= then for now, then in zip(spent, self.most_spent, strict=True))
        self.most_spent = self.budget.spent

    @invariant()
    def reserved_is_what_is_open(self) -> None:
        for order, reserved in enumerate(self.budget.reserved):
            assert reserved == sum(held.open_cost[order] for held in self.reservations.values())


TestRenyiMachine = RenyiMachine.TestCase
TestRenyiMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(
    st.floats(0.2, 20.0), st.sampled_from([1e-9, 1e-6, 1e-5]), st.sampled_from([ORDERS, DEFAULT_ORDERS, (1.5, 9.25)])
)
def test_a_full_order_converts_to_at_most_the_limit(epsilon: float, delta: float, orders: tuple[float, ...]) -> None:
    try:
        limit = RenyiLimit(epsilon, delta, orders)
    except InvalidPrivacyParameter as refused:
        assert "no order leaves room" in str(refused)
        return
    share = delta / len(orders)
    for room, order in zip(limit.capacity, orders, strict=True):
        full = compute_epsilon([order], [room / UNITS_PER_RDP], share)[0]
        more = compute_epsilon([order], [room / UNITS_PER_RDP + 1e-9], share)[0]
        assert room == 0 or full <= epsilon * (1 + 1e-12) < more


@given(st.lists(st.integers(0, 10**13), min_size=3, max_size=3))
def test_epsilon_of_a_cost_is_what_admits_it(cost: list[int]) -> None:
    assert LIMIT.admits(cost) == (LIMIT.epsilon_of(cost) <= LIMIT.epsilon)


def test_a_refusal_names_the_steps_that_then_fit() -> None:
    cost = step_cost(SampledGaussian(1.0, 0.01, 1), ORDERS)
    budget, _ = reserve(open_budget(LIMIT), "job_a", cost, 1000)
    with pytest.raises(RenyiBudgetExceeded) as refused:
        reserve(budget, "job_b", cost, 10**6)
    fitting = refused.value.fitting_steps
    assert f"{fitting} of the job's 1000000 steps would fit" in str(refused.value)
    reserve(budget, "job_b", cost, fitting)
    with pytest.raises(RenyiBudgetExceeded):
        reserve(budget, "job_b", cost, fitting + 1)


def test_a_job_is_admitted_while_one_order_holds() -> None:
    lonely = (LIMIT.capacity[0] * 3, LIMIT.capacity[1] * 3, LIMIT.capacity[2])
    budget, _ = reserve(open_budget(LIMIT), "job_a", lonely, 1)
    with pytest.raises(RenyiBudgetExceeded):
        reserve(budget, "job_b", (1, 1, 1), 1)


def test_gaussian_spends_are_inherited_exactly() -> None:
    assert gaussian_cost(3, (1.5, 2.0, 7.0)) == (3, 3, 11)
    assert inherit_gaussian(10**11, LIMIT).spent == tuple(int(order) * 10**11 // 2 for order in ORDERS)
    mu_squared = (2 * log(1e5)) ** -1
    assert inherit_gaussian(round(mu_squared * 1e12), LIMIT).epsilon_left > 0
    with pytest.raises(InvalidPrivacyParameter, match="within its limit"):
        inherit_gaussian(10**13, LIMIT)


@pytest.mark.parametrize("steps", [-1, 6, 100])
def test_steps_that_were_not_reserved_cannot_be_spent(steps: int) -> None:
    with pytest.raises(IllegalSpend, match="0 of 5"):
        spend_through(*reserve(open_budget(LIMIT), "job_a", (1, 1, 1), 5), steps)


def test_a_settled_job_answers_for_its_past_but_spends_no_more() -> None:
    state = settle(*spend_through(*reserve(open_budget(LIMIT), "job_a", (1, 2, 3), 5), 2))
    assert state[0].spent == (2, 4, 6)
    assert state[0].reserved == (0, 0, 0)
    assert spend_through(*state, 1) == state
    with pytest.raises(IllegalSpend, match="settled"):
        spend_through(*state, 3)


@pytest.mark.parametrize(("cost", "steps"), [((1, 1, 1), 0), ((1, 0, 1), 1), ((1, 1), 1)])
def test_a_free_job_is_refused(cost: Cost, steps: int) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="at least one"):
        reserve(open_budget(LIMIT), "job_a", cost, steps)


@pytest.mark.parametrize("orders", [(), (1.0,), (3.0, 2.0), (2.0, 2.0)])
def test_orders_that_do_not_ascend_above_one_are_refused(orders: tuple[float, ...]) -> None:
    with pytest.raises(InvalidPrivacyParameter):
        RenyiLimit(6.0, 1e-5, orders)


def test_a_budget_outside_its_limit_cannot_be_built() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="within its limit"):
        RenyiBudget(LIMIT, tuple(room + 1 for room in LIMIT.capacity), (0, 0, 0))
    with pytest.raises(InvalidPrivacyParameter, match="within its limit"):
        RenyiBudget(LIMIT, (5, 5, 5), (-1, 0, 0))
