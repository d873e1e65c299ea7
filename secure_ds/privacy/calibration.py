"""From a wish (epsilon, delta, steps) to noise. The answer is checked by the same `charge` that the ledger books."""

from fractions import Fraction
from math import inf, isqrt, nextafter, sqrt

from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.gdp import UNITS_PER_MU_SQUARED, charge


def sigma_for(sensitivity: float, units: int) -> float:
    """Return a standard deviation whose charge at this sensitivity is at most `units`, within a few ulp of the least.

    Args:
        sensitivity: l2 sensitivity of one release, in its own units.
        units: cost allowed for the release, in units of 1e-12 mu^2; at least 1.

    Returns:
        sigma in the units of the sensitivity, with `charge(sensitivity, sigma) <= units`.
    """
    if units < 1:
        raise InvalidPrivacyParameter(f"a release costs at least one unit of 1e-12 mu^2, got {units}; take fewer steps")
    sigma = sensitivity / sqrt(units / UNITS_PER_MU_SQUARED)
    while charge(sensitivity, sigma) > units:
        sigma = nextafter(sigma, inf)
    return sigma


def variance_on_grid(sigma: float, steps_per_unit: float) -> int:
    """Return the integer variance of the discrete Gaussian that stands for `sigma` on a finer grid, rounded up.

    Args:
        sigma: standard deviation in the units of the released sum.
        steps_per_unit: grid steps in one unit (the scale at which the sum is held as integers).
    """
    exact = (Fraction(sigma) * Fraction(steps_per_unit)) ** 2
    return -(-exact.numerator // exact.denominator)


def release_step(sigma: float, steps_per_unit: float) -> int:
    """Return the public grid step that answers are rounded to: sigma / 1024 in grid steps, rounded down, at least 1."""
    return max(1, isqrt(variance_on_grid(sigma, steps_per_unit)) // 1024)
