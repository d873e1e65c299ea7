"""The cubic that stands in for the sigmoid, with a stated interval and bounds on everything it can reach.

Rules kept here:
  1. The coefficients are the least-squares fit of the sigmoid on [-interval, interval], computed the same on every
     machine: Simpson's rule on a fixed grid, then rounded to a grid of 2**-40.
  2. The cubic is used only where it was fitted; outside it diverges silently. Callers bound |z| first.
  3. Every bound is rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

_COEFFICIENT_GRID = 2.0**40
_BOUND_GRID = 2.0**30
_SIMPSON_INTERVALS = 2048

Number = TypeVar("Number", float, npt.NDArray[np.float64])


@dataclass(frozen=True)
class CubicSigmoid:
    """p(z) = 1/2 + linear * z + cubic * z**3 on [-interval, interval], with linear > 0 > cubic.

    Attributes:
        interval: half-width of the interval of the fit.
        linear: coefficient of z.
        cubic: coefficient of z**3, negative.
    """

    interval: float
    linear: float
    cubic: float

    def __call__(self, z: Number) -> Number:
        """Evaluate the polynomial."""
        return 0.5 + z * (self.linear + self.cubic * (z * z))

    def largest_deviation(self, z_max: float) -> float:
        """Bound |p(z) - 1/2| for |z| <= z_max: the maximum lies at an end or where p' = 0. Rounded up."""
        critical = min(z_max, math.sqrt(self.linear / (-3 * self.cubic)))
        return _round_up(max(abs(self(point) - 0.5) for point in (critical, z_max)))

    def steepest(self, z_max: float) -> float:
        """Bound |p'(z)| for |z| <= z_max: p' is monotonic in |z|, so its ends suffice. Rounded up."""
        return _round_up(max(self.linear, abs(self.linear + 3 * self.cubic * z_max**2)))

    def largest_error(self) -> float:
        """Estimate the largest |p(z) - sigmoid(z)| on the interval, on a grid of 4097 points."""
        z = np.linspace(-self.interval, self.interval, 4097)
        return float(np.abs(self(z) - 1.0 / (1.0 + np.exp(-z))).max())


def fit_sigmoid(interval: float) -> CubicSigmoid:
    """Fit the sigmoid by a cubic in the least-squares sense on [-interval, interval].

    sigmoid - 1/2 = tanh(z/2)/2 is odd, so two moments and a 2 x 2 system determine the fit.

    Args:
        interval: half-width, 0.5 to 32 (below, the cubic term drowns in rounding; above, no cubic is of use).

    Raises:
        ValueError: the interval is out of range.
    """
    if not 0.5 <= interval <= 32:
        raise ValueError(f"a cubic sigmoid needs an interval of 0.5 to 32, got {interval}")
    first, third = _moment(interval, 1), _moment(interval, 3)
    second_power, fourth_power, sixth_power = (interval**power / power for power in (3, 5, 7))
    determinant = second_power * sixth_power - fourth_power**2
    linear = (first * sixth_power - third * fourth_power) / determinant
    cubic = (third * second_power - first * fourth_power) / determinant
    return CubicSigmoid(interval, _round_coefficient(linear), _round_coefficient(cubic))


def _moment(interval: float, power: int) -> float:
    """Integrate z**power * tanh(z/2)/2 over [0, interval] by Simpson's rule."""
    step = interval / _SIMPSON_INTERVALS
    points = (index * step for index in range(_SIMPSON_INTERVALS + 1))
    values = [point**power * math.tanh(point / 2) / 2 for point in points]
    return step / 3 * (values[0] + values[-1] + 4 * math.fsum(values[1:-1:2]) + 2 * math.fsum(values[2:-1:2]))


def _round_coefficient(value: float) -> float:
    return round(value * _COEFFICIENT_GRID) / _COEFFICIENT_GRID


def _round_up(value: float) -> float:
    return (math.floor(value * _BOUND_GRID) + 1) / _BOUND_GRID
