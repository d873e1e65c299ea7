"""The privacy budget of one data set, as pure transitions: reserve, spend, settle.

Rules kept here:
1. Spent plus reserved never passes the limit, in cost and in number of releases, whoever asks and in whatever order.
2. Spent never decreases. What was released stays spent, whatever became of the job.
3. A step is spent before it is released, in order, once: asking again for the same ciphertext changes nothing, asking
   for another one is a conflict.
4. Settling returns exactly what was reserved and never released, once.
5. Costs are integers (units of 1e-12 mu^2), so rules 1 to 4 are equalities, not approximations.

Nothing here reads a clock, a database or a network. A caller loads the two values under a row lock, applies one
transition, and stores both results in the same transaction.

Formal guarantee: mu^2 summed over adaptively chosen Gaussian releases is a privacy filter (`gdp`), so as long as every
release is spent here first, everything ever released about the data set is (limit.epsilon, limit.delta)-DP together.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction

from secure_ds.privacy.approximation import distance_to_ideal
from secure_ds.privacy.errors import (
    BudgetExceeded,
    IllegalSpend,
    InvalidPrivacyParameter,
    ReleasesExceeded,
    StepConflict,
)
from secure_ds.privacy.gdp import epsilon_of, largest_epsilon_within, units_within


@dataclass(frozen=True, slots=True)
class Limit:
    """What the owner signed: everything ever released is (epsilon, delta)-DP, in at most `releases` vectors.

    Attributes:
        epsilon: in (0, 100].
        delta: in [1e-30, 1); it pays for the Gaussian mechanism and for `distance`.
        releases: vectors that may ever be decrypted with noise (the key's tau).
        coordinates: numbers in each released vector.
    """

    epsilon: float
    delta: float
    releases: int
    coordinates: int

    @property
    def distance(self) -> Fraction:
        """Total variation between all that may be released and its ideal."""
        return distance_to_ideal(self.releases, self.coordinates)

    @property
    def units(self) -> int:
        """The whole budget in units of 1e-12 mu^2."""
        return units_within(self.epsilon, self.delta, self.distance)

    def units_for(self, epsilon: float, delta: float) -> int:
        """Return the cost that a job of (epsilon, delta) may have on this data set."""
        return units_within(epsilon, delta, self.distance)

    def epsilon_of(self, units: int) -> float:
        """Return the epsilon that a cost amounts to at this limit's delta, rounded up."""
        return epsilon_of(units, self.delta, self.distance)


@dataclass(frozen=True, slots=True)
class Budget:
    """The state of a data set's budget. Build the first one with `Budget(limit)`."""

    limit: Limit
    spent_units: int = 0
    reserved_units: int = 0
    spent_releases: int = 0
    reserved_releases: int = 0

    def __post_init__(self) -> None:
        parts = (self.spent_units, self.reserved_units, self.spent_releases, self.reserved_releases)
        if min(parts) < 0 or self.available_units < 0 or self.available_releases < 0:
            raise InvalidPrivacyParameter(f"a budget must lie within its limit and not be negative: {self!r}")

    @property
    def available_units(self) -> int:
        """Cost neither spent nor reserved, in units of 1e-12 mu^2."""
        return self.limit.units - self.spent_units - self.reserved_units

    @property
    def available_releases(self) -> int:
        """Releases neither spent nor reserved."""
        return self.limit.releases - self.spent_releases - self.reserved_releases

    @property
    def largest_epsilon(self) -> float:
        """The largest epsilon (rounded down) that one more job could take at the limit's delta; zero for none."""
        return largest_epsilon_within(self.available_units, self.limit.delta, self.limit.distance)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What one job set aside, and what it has spent of it.

    Attributes:
        job_id: the job.
        charges: cost of each step, in units of 1e-12 mu^2, known from the plan.
        digests: digest of the ciphertext that each step was spent for; its length is the number of steps spent.
        settled: whether the job has ended.
    """

    job_id: str
    charges: tuple[int, ...]
    digests: tuple[str, ...] = field(default=())
    settled: bool = False

    @property
    def spent_units(self) -> int:
        """Cost of the steps spent so far."""
        return sum(self.charges[: len(self.digests)])

    @property
    def open_units(self) -> int:
        """Cost still held for steps not spent; zero once settled."""
        return 0 if self.settled else sum(self.charges[len(self.digests) :])

    @property
    def open_releases(self) -> int:
        """Steps still held; zero once settled."""
        return 0 if self.settled else len(self.charges) - len(self.digests)


def inherit(parent: Budget, limit: Limit) -> Budget:
    """Open the budget of a data set whose records are those of another one, with another key.

    Args:
        parent: the other's budget; nothing is reserved in it, and nothing more will be spent.
        limit: of the successor; its releases are those of the parent's limit and its own.

    Raises:
        InvalidPrivacyParameter: something is reserved, or what was spent leaves nothing within the limit.
    """
    if parent.reserved_units or parent.reserved_releases:
        raise InvalidPrivacyParameter("a budget with reservations cannot be passed on")
    return Budget(limit, spent_units=parent.spent_units, spent_releases=parent.limit.releases)


def reserve(budget: Budget, job_id: str, charges: tuple[int, ...]) -> tuple[Budget, Reservation]:
    """Set a whole job's cost aside before it starts.

    Raises:
        BudgetExceeded: the cost does not fit; says which epsilon would.
        ReleasesExceeded: there are fewer decryptions left than steps.
        InvalidPrivacyParameter: no steps, or a step that costs nothing.
    """
    if not charges or min(charges) < 1:
        raise InvalidPrivacyParameter("a job has at least one step, and each step costs at least one unit")
    cost = sum(charges)
    if cost > budget.available_units:
        raise BudgetExceeded(cost, budget.available_units, budget.largest_epsilon, budget.limit.delta)
    if len(charges) > budget.available_releases:
        raise ReleasesExceeded(len(charges), budget.available_releases)
    held = replace(
        budget,
        reserved_units=budget.reserved_units + cost,
        reserved_releases=budget.reserved_releases + len(charges),
    )
    return held, Reservation(job_id, charges)


def spend(budget: Budget, reservation: Reservation, step: int, digest: str) -> tuple[Budget, Reservation]:
    """Spend one step before it is released; the same (step, digest) again changes nothing.

    Args:
        budget: state of the data set's budget.
        reservation: the job's reservation in that budget.
        step: index of the step, from 0; steps are spent in order.
        digest: digest of the ciphertext that will be decrypted.

    Raises:
        StepConflict: the step was spent for another ciphertext.
        IllegalSpend: the step is not the next one, does not exist, or the reservation is settled.
    """
    done = len(reservation.digests)
    if 0 <= step < done:
        if reservation.digests[step] != digest:
            raise StepConflict(f"step {step} of {reservation.job_id} was spent for another ciphertext")
        return budget, reservation
    if reservation.settled or step != done or step >= len(reservation.charges):
        raise IllegalSpend(
            f"step {step} of {reservation.job_id} cannot be spent: {done} of {len(reservation.charges)} steps are spent"
            + (" and the job is settled" if reservation.settled else "")
        )
    cost = reservation.charges[step]
    moved = replace(
        budget,
        spent_units=budget.spent_units + cost,
        reserved_units=budget.reserved_units - cost,
        spent_releases=budget.spent_releases + 1,
        reserved_releases=budget.reserved_releases - 1,
    )
    return moved, replace(reservation, digests=(*reservation.digests, digest))


def settle(budget: Budget, reservation: Reservation) -> tuple[Budget, Reservation]:
    """End a job: return what was reserved and never spent. Settling again changes nothing."""
    returned = replace(
        budget,
        reserved_units=budget.reserved_units - reservation.open_units,
        reserved_releases=budget.reserved_releases - reservation.open_releases,
    )
    return returned, replace(reservation, settled=True)
