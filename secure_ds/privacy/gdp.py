"""Gaussian differential privacy, exactly: from mu to (epsilon, delta) and back, always rounded to the safe side.

Rules kept here:
- The currency is mu^2 in integer units of 1e-12. Composition of Gaussian mechanisms is the sum of mu^2 (Dong, Roth, Su
  2022, corollary 3.3), and that sum is a valid filter for adaptively chosen mechanisms (Smith, Thakurta 2022; Koskela
  et al. 2022), so integers add up without any error at all.
- What is spent rounds up, what is allowed rounds down.
- Every conversion states its delta and includes the distance to the ideal mechanism (`approximation`).

delta(epsilon, mu) = Phi(-epsilon/mu + mu/2) - e^epsilon Phi(-epsilon/mu - mu/2), exact for the Gaussian mechanism
(Balle, Wang 2018, theorem 8). It is computed to 1e-36 in decimal arithmetic, so all processes get the same integers.
"""

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf, nextafter

from secure_ds.privacy.errors import DeltaTooSmall, InvalidPrivacyParameter
from secure_ds.privacy.normal import CONTEXT, lower_tail

UNITS_PER_MU_SQUARED = 10**12
MAX_EPSILON = 100.0
MIN_DELTA = 1e-30
ACCOUNTANT = "gdp-exact/1"

_NANO = 10**9  # epsilon is searched on multiples of 1e-9
_MARGIN = Decimal("1e-36")  # above e^100 times the error of the normal tails, below any delta that counts
_NO_DISTANCE = Fraction(0)


def charge(sensitivity: float, sigma: float) -> int:
    """Return the cost (sensitivity / sigma)^2 of one Gaussian release in units of 1e-12 mu^2, rounded up.

    Args:
        sensitivity: l2 sensitivity of the released vector, in the units of the vector.
        sigma: standard deviation of the noise on each coordinate, same units.
    """
    if not 0 < sensitivity < float("inf") or not 0 < sigma < float("inf"):
        raise InvalidPrivacyParameter(
            f"sensitivity and sigma must be positive and finite, got {sensitivity} and {sigma}"
        )
    mu = Fraction(sensitivity) / Fraction(sigma)
    return _ceil(mu * mu * UNITS_PER_MU_SQUARED)


@lru_cache(maxsize=1024)
def delta_of(units: int, epsilon: float, distance: Fraction = _NO_DISTANCE) -> float:
    """Return a delta for which the composition of cost `units` is (epsilon, delta)-DP; rounded up.

    Args:
        units: total cost in units of 1e-12 mu^2.
        epsilon: in (0, 100].
        distance: total variation between the real mechanism and the ideal one.
    """
    _check_units(units)
    _check_epsilon(epsilon)
    return min(1.0, _float_up(_bound(units, Decimal(epsilon), distance)))


@lru_cache(maxsize=1024)
def units_within(epsilon: float, delta: float, distance: Fraction = _NO_DISTANCE) -> int:
    """Return the largest cost that is still (epsilon, delta)-DP, in units of 1e-12 mu^2; rounded down.

    Args:
        epsilon: in (0, 100].
        delta: in [1e-30, 1).
        distance: total variation between the real mechanism and the ideal one.

    Raises:
        DeltaTooSmall: the distance alone uses up delta.
        InvalidPrivacyParameter: epsilon or delta is out of range.
    """
    _check_epsilon(epsilon)
    _check_delta(delta)
    exact_epsilon, available = Decimal(epsilon), CONTEXT.subtract(Decimal(delta), _slack(Decimal(epsilon), distance))
    if available <= _MARGIN:
        needed = _float_up(_slack(exact_epsilon, distance))
        right = f"delta must be above {needed:.3g}" if needed < 1 else "epsilon must be smaller"
        raise DeltaTooSmall(
            f"delta = {delta:.3g} at epsilon = {epsilon:.6g} does not cover the mechanism's own failure probability; "
            + right
        )
    high = 1
    while _delta(high, exact_epsilon) <= available:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _delta(middle, exact_epsilon) <= available else (low, middle)
    return low


@lru_cache(maxsize=1024)
def epsilon_of(units: int, delta: float, distance: Fraction = _NO_DISTANCE) -> float:
    """Return the smallest multiple of 1e-9 for which cost `units` is (epsilon, delta)-DP.

    Args:
        units: total cost in units of 1e-12 mu^2.
        delta: in [1e-30, 1).
        distance: total variation between the real mechanism and the ideal one.

    Raises:
        DeltaTooSmall: no epsilon up to 100 holds at this delta.
    """
    return _nano_epsilon_of(units, delta, distance) / _NANO


def largest_epsilon_within(units: int, delta: float, distance: Fraction = _NO_DISTANCE) -> float:
    """Return an epsilon, on multiples of 1e-9 and rounded down, whose whole cost `units_within` fits into `units`.

    The inverse of `units_within` for messages and quotes: a job asking for what is returned is never over budget. Zero
    when nothing fits.
    """
    nano = _nano_epsilon_of(units, delta, distance)
    while nano > 0 and units_within(nano / _NANO, delta, distance) > units:
        nano -= 1
    return nano / _NANO


def _nano_epsilon_of(units: int, delta: float, distance: Fraction) -> int:
    _check_units(units)
    _check_delta(delta)

    def holds(nano: int) -> bool:
        return _bound(units, Decimal(nano / _NANO), distance) <= Decimal(delta)  # the very float that is reported

    def found(nano: int) -> bool:
        return holds(nano) or _is_past_least(units, Decimal(nano / _NANO), distance)

    if holds(0):
        return 0
    low, high, last = 0, 1, int(MAX_EPSILON) * _NANO
    while not found(high) and high < last:
        low, high = high, min(2 * high, last)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) else (middle, high)
    if not holds(high):
        raise DeltaTooSmall(f"no epsilon up to {MAX_EPSILON:.0f} holds at delta = {delta:.3g}")
    return high


def _bound(units: int, epsilon: Decimal, distance: Fraction) -> Decimal:
    """The delta that cost and distance need together."""
    return CONTEXT.add(_delta(units, epsilon), _slack(epsilon, distance))


def _is_past_least(units: int, epsilon: Decimal, distance: Fraction) -> bool:
    """Say whether `_bound` no longer falls at epsilon: a larger epsilon costs more in slack than it saves.

    In x = e^epsilon the bound is convex, with slope distance - Phi(-epsilon/mu - mu/2), which rises with epsilon.
    """
    if units == 0:
        return True
    mu = _mu(units)
    tail = lower_tail(CONTEXT.add(CONTEXT.divide(epsilon, mu), CONTEXT.divide(mu, Decimal(2))).copy_negate())
    return tail <= CONTEXT.divide(Decimal(distance.numerator), Decimal(distance.denominator))


def _mu(units: int) -> Decimal:
    return CONTEXT.sqrt(CONTEXT.divide(Decimal(units), Decimal(UNITS_PER_MU_SQUARED)))


def _delta(units: int, epsilon: Decimal) -> Decimal:
    """An upper bound, within 2e-36, of the exact delta at cost `units`."""
    if units == 0:
        return Decimal(0)
    mu = _mu(units)
    ratio, half = CONTEXT.divide(epsilon, mu), CONTEXT.divide(mu, Decimal(2))
    near = lower_tail(CONTEXT.subtract(half, ratio))
    far = lower_tail(CONTEXT.add(half, ratio).copy_negate())
    return CONTEXT.add(CONTEXT.subtract(near, CONTEXT.multiply(CONTEXT.exp(epsilon), far)), _MARGIN)


def _slack(epsilon: Decimal, distance: Fraction) -> Decimal:
    """(1 + e^epsilon) * distance: see `approximation`."""
    exact = CONTEXT.divide(Decimal(distance.numerator), Decimal(distance.denominator))
    return CONTEXT.multiply(CONTEXT.add(Decimal(1), CONTEXT.exp(epsilon)), exact)


def _float_up(value: Decimal) -> float:
    nearest = float(value)
    return nearest if Decimal(nearest) >= value else nextafter(nearest, inf)


def _ceil(value: Fraction) -> int:
    return -(-value.numerator // value.denominator)


def _check_units(units: int) -> None:
    if units < 0:
        raise InvalidPrivacyParameter(f"a cost is never negative, got {units} units")


def _check_epsilon(epsilon: float) -> None:
    if not 0 < epsilon <= MAX_EPSILON:
        raise InvalidPrivacyParameter(f"epsilon must be in (0, {MAX_EPSILON:.0f}], got {epsilon}")


def _check_delta(delta: float) -> None:
    if not MIN_DELTA <= delta < 1:
        raise InvalidPrivacyParameter(f"delta must be in [{MIN_DELTA:.0e}, 1), got {delta}")
