"""The privacy budget of one sealed data set, as pure transitions: reserve, spend, settle, at a grid of Renyi orders.

Rules kept here:
1. At one order at least, spent plus reserved never passes that order's capacity, whoever asks and in whatever order.
2. Spent never decreases. What was released stays spent, whatever became of the job.
3. Steps are spent from the first on, before anything that depends on them is released; saying so again changes nothing.
4. Settling returns exactly what was reserved and never released, once.
5. Costs are vectors of integers (units of 1e-12 of Renyi divergence, `renyi_cost`), so rules 1 to 4 are equalities.
   What is spent rounds up, what is allowed rounds down, in decimal arithmetic that is the same on every machine.

Nothing here reads a clock, a database or a network. It is the twin of `ledger`, which counts Gaussian releases in mu^2.

Formal guarantee: for each order by itself, the sum of Renyi divergences of adaptively chosen mechanisms is a privacy
filter (Feldman, Zrnic 2021, theorem 3.1; Rogers et al. 2016 for the notion). An order alpha with capacity rho is
(epsilon, delta / k)-DP, where k is the number of orders and
    epsilon = rho + log((alpha - 1) / alpha) - (log(delta / k) + log(alpha)) / (alpha - 1)
(Canonne, Kamath, Steinke 2020, proposition 12; Balle et al. 2020, theorem 21). Which order holds in the end may depend
on what was released; as the failure probabilities of all k orders add up to delta, everything ever released is
(limit.epsilon, limit.delta)-DP together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil, floor, inf, nextafter
from typing import Final

from secure_ds.privacy.errors import IllegalSpend, InvalidPrivacyParameter, RenyiBudgetExceeded
from secure_ds.privacy.normal import CONTEXT

UNITS_PER_RDP: Final = 10**12
ACCOUNTANT: Final = "renyi-filter/1"
DEFAULT_ORDERS: Final = (2.0, 3.0, 4.0, 6.0, 8.0, 10.0, 12.0, 16.0, 22.0, 32.0, 64.0, 128.0, 256.0)
MAX_ORDERS: Final = 64
_MARGIN: Final = Decimal("1e-60")  # of epsilon, far above the error of 100 digits

Cost = tuple[int, ...]


@dataclass(frozen=True)
class RenyiLimit:
    """What the owner signed: everything ever released is (epsilon, delta)-DP, counted at `orders`.

    Attributes:
        epsilon: in (0, 100].
        delta: in [1e-30, 1e-2].
        orders: Renyi orders above 1, ascending and distinct, fixed when the data set is made.
    """

    epsilon: float
    delta: float
    orders: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= 100 or not 1e-30 <= self.delta <= 1e-2:
            raise InvalidPrivacyParameter(
                f"epsilon must be in (0, 100] and delta in [1e-30, 1e-2], got {self.epsilon}, {self.delta}"
            )
        ascending = all(first < second for first, second in pairwise(self.orders))
        if not 1 <= len(self.orders) <= MAX_ORDERS or not ascending or not self.orders[0] > 1:
            raise InvalidPrivacyParameter(f"orders must be 1 to {MAX_ORDERS} ascending numbers above 1")
        if max(self.capacity) < 1:
            raise InvalidPrivacyParameter("no order leaves room for any release; give a larger epsilon or more orders")

    @cached_property
    def capacity(self) -> Cost:
        """The whole budget at each order, rounded down; zero where an order cannot serve at this epsilon."""
        epsilon = Decimal(self.epsilon)
        return tuple(
            max(0, floor(CONTEXT.multiply(CONTEXT.subtract(epsilon, more), Decimal(UNITS_PER_RDP))))
            for more in self._conversions
        )

    def admits(self, cost: Sequence[int]) -> bool:
        """Whether a total cost stays within capacity at one order at least."""
        return any(room > 0 and spent <= room for spent, room in zip(cost, self.capacity, strict=True))

    def epsilon_of(self, cost: Sequence[int]) -> float:
        """Return the epsilon that a total cost amounts to at this limit's delta, rounded up; 0 for no cost."""
        if not any(cost):
            return 0.0
        converted = (
            CONTEXT.add(CONTEXT.divide(Decimal(units), Decimal(UNITS_PER_RDP)), more)
            for units, more in zip(cost, self._conversions, strict=True)
        )
        return max(0.0, nextafter(float(min(converted)), inf))

    @cached_property
    def _conversions(self) -> tuple[Decimal, ...]:
        """By how much epsilon exceeds the divergence at each order, at delta / k; rounded up."""
        share = CONTEXT.divide(Decimal(self.delta), Decimal(len(self.orders)))
        return tuple(_conversion(Decimal(order), share) for order in self.orders)


@dataclass(frozen=True)
class RenyiBudget:
    """The state of a data set's budget. Build the first one with `open_budget`."""

    limit: RenyiLimit
    spent: Cost
    reserved: Cost

    def __post_init__(self) -> None:
        lengths = {len(self.spent), len(self.reserved), len(self.limit.orders)}
        if len(lengths) != 1 or min((*self.spent, *self.reserved)) < 0 or not self._holds:
            raise InvalidPrivacyParameter("a budget must lie within its limit at one order, and not be negative")

    @property
    def held(self) -> Cost:
        """Spent and reserved together."""
        return _plus(self.spent, self.reserved)

    @property
    def epsilon_left(self) -> float:
        """What is left of the limit's epsilon after all that is spent and reserved, never negative."""
        return max(0.0, self.limit.epsilon - self.limit.epsilon_of(self.held))

    @property
    def _holds(self) -> bool:
        return not any(self.held) or self.limit.admits(self.held)


@dataclass(frozen=True, slots=True)
class RenyiReservation:
    """What one job set aside, and how far it has spent it.

    Attributes:
        job_id: the job.
        step_cost: cost of one step at each order, known from the plan.
        steps: number of steps.
        spent_steps: steps, from the first, that are spent.
        settled: whether the job has ended.
    """

    job_id: str
    step_cost: Cost
    steps: int
    spent_steps: int = 0
    settled: bool = False

    @property
    def open_cost(self) -> Cost:
        """Cost still held for steps not spent; zero once settled."""
        return _times(0 if self.settled else self.steps - self.spent_steps, self.step_cost)


def open_budget(limit: RenyiLimit, inherited: Cost | None = None) -> RenyiBudget:
    """Return the first state of a budget, with what earlier uses of the same records spent.

    Raises:
        InvalidPrivacyParameter: what was spent leaves nothing within the limit.
    """
    nothing = (0,) * len(limit.orders)
    return RenyiBudget(limit, nothing if inherited is None else inherited, nothing)


def gaussian_cost(units: int, orders: Sequence[float]) -> Cost:
    """Return the cost of a spend of mu^2 = `units` * 1e-12: alpha mu^2 / 2 (Mironov 2017, proposition 7)."""
    return tuple(ceil(Fraction(order) * units / 2) for order in orders)


def inherit_gaussian(units: int, limit: RenyiLimit) -> RenyiBudget:
    """Open the budget of sealed records that an encrypted data set has answered for before.

    Args:
        units: spent there, in units of 1e-12 mu^2.
        limit: of the sealed data set.

    Raises:
        InvalidPrivacyParameter: what was spent leaves nothing within the limit.
    """
    return open_budget(limit, gaussian_cost(units, limit.orders))


def reserve(budget: RenyiBudget, job_id: str, step_cost: Cost, steps: int) -> tuple[RenyiBudget, RenyiReservation]:
    """Set a whole job's cost aside before it starts.

    Raises:
        RenyiBudgetExceeded: it does not fit at any order; says how many such steps would.
        InvalidPrivacyParameter: no steps, a step that costs nothing, or a cost at other orders.
    """
    if steps < 1 or len(step_cost) != len(budget.limit.orders) or min(step_cost) < 1:
        raise InvalidPrivacyParameter("a job has at least one step, which costs at least one unit at every order")
    if not budget.limit.admits(_plus(budget.held, _times(steps, step_cost))):
        raise RenyiBudgetExceeded(steps, fitting_steps(budget, step_cost), budget.epsilon_left, budget.limit.delta)
    held = replace(budget, reserved=_plus(budget.reserved, _times(steps, step_cost)))
    return held, RenyiReservation(job_id, step_cost, steps)


def fitting_steps(budget: RenyiBudget, step_cost: Cost) -> int:
    """Return how many steps of this cost the budget would still cover."""
    rooms = zip(budget.limit.capacity, budget.held, step_cost, strict=True)
    return max(max(0, room - held) // step for room, held, step in rooms)


def spend_through(
    budget: RenyiBudget, reservation: RenyiReservation, steps: int
) -> tuple[RenyiBudget, RenyiReservation]:
    """Spend a job's first `steps` steps; fewer than are spent already changes nothing.

    Raises:
        IllegalSpend: the job has not so many steps, or has ended with fewer.
    """
    if 0 <= steps <= reservation.spent_steps:
        return budget, reservation
    if reservation.settled or not 0 <= steps <= reservation.steps:
        raise IllegalSpend(
            f"{steps} steps of {reservation.job_id} cannot be spent: {reservation.spent_steps} of {reservation.steps} "
            "are spent" + (" and the job is settled" if reservation.settled else "")
        )
    cost = _times(steps - reservation.spent_steps, reservation.step_cost)
    moved = replace(budget, spent=_plus(budget.spent, cost), reserved=_minus(budget.reserved, cost))
    return moved, replace(reservation, spent_steps=steps)


def settle(budget: RenyiBudget, reservation: RenyiReservation) -> tuple[RenyiBudget, RenyiReservation]:
    """End a job: return what was reserved and never spent. Settling again changes nothing."""
    returned = replace(budget, reserved=_minus(budget.reserved, reservation.open_cost))
    return returned, replace(reservation, settled=True)


def _conversion(order: Decimal, share: Decimal) -> Decimal:
    less = CONTEXT.subtract(order, Decimal(1))
    head = CONTEXT.ln(CONTEXT.divide(less, order))
    tail = CONTEXT.divide(CONTEXT.ln(CONTEXT.multiply(share, order)), less)
    return CONTEXT.add(CONTEXT.subtract(head, tail), _MARGIN)


def _plus(one: Cost, other: Cost) -> Cost:
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _minus(one: Cost, other: Cost) -> Cost:
    return tuple(a - b for a, b in zip(one, other, strict=True))


def _times(steps: int, cost: Cost) -> Cost:
    return tuple(steps * units for units in cost)
