"""Private selection: a sweep over settings as one job, charged for having looked at the best of several runs.

The job draws how many runs K it makes, each with settings drawn at random, and releases the best by a score that the
runs released themselves. Neither K nor anything of the other runs is released, and nobody ends the job early.

Rules kept here:
- The cost is that of one run and what follows from K being random; all runs together are never added up.
- K comes from the operating system's bits, by exact comparison with its distribution to 60 digits.

Formal guarantee (Papernot, Steinke 2022, "Hyperparameter tuning with Renyi differential privacy"), for one run of
Renyi divergence r(a) at order a:

- K geometric, P[K = k] = g (1 - g)^(k-1), mean m = 1 / g (theorem 2 with eta = 1): at order a, for any order b >= 1,
      r(a) + 2 (1 - 1/b) r(b) + 2 log(m) / b + log(m) / (a - 1);
- K Poisson of mean m, which may be no run at all (theorem 6): where one run is (log(1 + 1/(a - 1)), d)-DP,
      r(a) + m d + log(m) / (a - 1).

A Poisson number of runs costs less where one run is cheap and the mean large; it may release nothing.
"""

import secrets
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from math import ceil
from typing import Final, Literal

from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.normal import CONTEXT
from secure_ds.privacy.renyi import UNITS_PER_RDP, Cost
from secure_ds.privacy.renyi_cost import renyi_divergence
from secure_ds.privacy.sampled import SampledGaussian

MAX_RUNS: Final = 1000  # expected ones
ORDERS: Final = (*range(2, 33), 40, 48, 64, 96, 128, 256)

_BITS: Final = 192
_MARGIN: Final = Decimal("1e-60")
_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Runs:
    """The distribution of the number of runs.

    Attributes:
        kind: "geometric" (at least one run) or "poisson" (possibly none).
        expected: mean number, 1 to 1000.
    """

    kind: Literal["geometric", "poisson"]
    expected: float

    def __post_init__(self) -> None:
        if self.kind not in ("geometric", "poisson") or not 1 <= self.expected <= MAX_RUNS:
            raise InvalidPrivacyParameter(
                f"runs are geometric or poisson, 1 to {MAX_RUNS} expected, got {self.kind} and {self.expected}"
            )

    def probability(self, runs: int) -> Decimal:
        """Return P[K = runs]."""
        mean = Decimal(self.expected)
        if self.kind == "geometric":
            success = CONTEXT.divide(_ONE, mean)
            failure = CONTEXT.subtract(_ONE, success)
            if runs < 1:
                return Decimal(0)
            return success if runs == 1 else CONTEXT.multiply(success, CONTEXT.power(failure, runs - 1))
        weight = CONTEXT.exp(CONTEXT.minus(mean))
        for k in range(1, runs + 1):
            weight = CONTEXT.divide(CONTEXT.multiply(weight, mean), Decimal(k))
        return weight

    def draw(self, random: RandomBits | None = None) -> int:
        """Draw K: the first number whose cumulated probability passes a uniform number of 192 bits."""
        bits = secrets.randbits(_BITS) if random is None else random.getrandbits(_BITS)
        uniform = CONTEXT.divide(Decimal(bits), Decimal(1 << _BITS))
        total = Decimal(0)
        for runs in count():
            total = CONTEXT.add(total, self.probability(runs))
            if uniform < total or _ONE - total < Decimal("1e-58"):
                return runs
        raise AssertionError("the probabilities of all numbers add up to 1")


def selection_divergence(event: SampledGaussian, runs: Runs, order: int) -> Decimal:
    """Return an upper bound of the Renyi divergence of a whole sweep, at an integer order of at least 2."""
    tails = [_at(event, runs, each) for each in ORDERS if each >= order]  # divergence rises with the order
    return min([*tails, _at(event, runs, order)])


def selection_cost(event: SampledGaussian, runs: Runs, orders: tuple[float, ...]) -> Cost:
    """Return what a sweep costs in the ledger at each order, in units of 1e-12, rounded up: all at once, not by steps.

    Args:
        event: of one run.
        runs: how many there are.
        orders: of the ledger.
    """
    return tuple(
        ceil(CONTEXT.multiply(CONTEXT.add(selection_divergence(event, runs, ceil(order)), _MARGIN), UNITS_PER_RDP))
        for order in orders
    )


def selection_epsilon(event: SampledGaussian, runs: Runs, delta: float) -> float:
    """Return an epsilon for which a whole sweep is (epsilon, delta)-DP, rounded up to 1e-9.

    Source of the conversion: Canonne, Kamath, Steinke 2020, proposition 12.
    """
    if not 0 < delta < 1:
        raise InvalidPrivacyParameter(f"delta must be in (0, 1), got {delta}")

    def epsilon(order: int) -> Decimal:
        less, exact = Decimal(order - 1), Decimal(order)
        tail = CONTEXT.divide(CONTEXT.ln(CONTEXT.multiply(Decimal(delta), exact)), less)
        head = CONTEXT.ln(CONTEXT.divide(less, exact))
        return CONTEXT.subtract(CONTEXT.add(_at(event, runs, order), head), tail)

    least = max(Decimal(0), min(epsilon(order) for order in ORDERS))
    return ceil(CONTEXT.multiply(CONTEXT.add(least, _MARGIN), Decimal(10**9))) / 10**9


def _at(event: SampledGaussian, runs: Runs, order: int) -> Decimal:
    mean = Decimal(runs.expected)
    looked = CONTEXT.divide(CONTEXT.ln(mean), Decimal(order - 1))
    more = _geometric(event, mean) if runs.kind == "geometric" else CONTEXT.multiply(mean, _delta(event, order))
    return CONTEXT.add(CONTEXT.add(_run(event, order), looked), more)


def _run(event: SampledGaussian, order: int) -> Decimal:
    return CONTEXT.multiply(Decimal(event.steps), renyi_divergence(event, order))


def _geometric(event: SampledGaussian, mean: Decimal) -> Decimal:
    """2 (1 - 1/b) r(b) + 2 log(mean) / b, at the best order b."""

    def at(order: int) -> Decimal:
        share = CONTEXT.divide(Decimal(order - 1), Decimal(order))
        return CONTEXT.add(
            CONTEXT.multiply(share, _run(event, order)), CONTEXT.divide(CONTEXT.ln(mean), Decimal(order))
        )

    return CONTEXT.multiply(Decimal(2), min(CONTEXT.ln(mean), *(at(order) for order in ORDERS)))


def _delta(event: SampledGaussian, order: int) -> Decimal:
    """A delta of one run at epsilon = log(1 + 1 / (order - 1)); at most 1."""
    epsilon = CONTEXT.ln(CONTEXT.divide(Decimal(order), Decimal(order - 1)))

    def at(each: int) -> Decimal:
        exponent = CONTEXT.multiply(Decimal(each - 1), CONTEXT.subtract(_run(event, each), epsilon))
        shrink = CONTEXT.power(CONTEXT.divide(Decimal(each - 1), Decimal(each)), each)
        return CONTEXT.divide(CONTEXT.multiply(CONTEXT.exp(min(exponent, Decimal(1000))), shrink), Decimal(each - 1))

    return min(_ONE, *(at(each) for each in ORDERS))
