"""Polynomials in place of activation functions, with a stated interval and a stated error.

Rules kept here:
  1. A polynomial either *is* the activation (no interval: it means the same everywhere) or stands in for a function on
     [-interval, interval], where it was fitted and its largest error was taken. Outside it diverges silently, so a plan
     that cannot prove it stays inside is refused.
  2. Coefficients are rounded to a grid of 2**-40, so that a description of a network spells them exactly.
  3. Bounds are rounded up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from numpy.polynomial import polynomial as power_basis
from numpy.polynomial.chebyshev import Chebyshev

MAX_DEGREE = 8
_GRID = 2.0**40
_POINTS = 4097
_SLACK = 1 + 2.0**-40

Reals = npt.NDArray[np.float64]
Parity = Literal["odd", "even", "any"]


@dataclass(frozen=True)
class Polynomial:
    """c_0 + c_1 z + ... + c_d z**d with c_d other than zero.

    Attributes:
        coefficients: c_0 .. c_d, 1 <= d <= `MAX_DEGREE`.
        interval: half-width of the interval it was fitted on; None where the polynomial is the activation itself.
        error: largest distance to the fitted function on the interval, on a grid of 4097 points; 0 without one.
    """

    coefficients: tuple[float, ...]
    interval: float | None = None
    error: float = 0.0

    def __post_init__(self) -> None:
        if not 2 <= len(self.coefficients) <= MAX_DEGREE + 1:
            raise ValueError(f"the degree must be 1 to {MAX_DEGREE}, got {len(self.coefficients) - 1}")
        if not np.isfinite(self.coefficients).all() or self.coefficients[-1] == 0:
            raise ValueError("coefficients must be finite, and the last one other than zero")
        if self.interval is not None and not 0 < self.interval < float("inf"):
            raise ValueError(f"the interval must be positive and finite, got {self.interval}")

    @property
    def degree(self) -> int:
        """d."""
        return len(self.coefficients) - 1

    @property
    def depth(self) -> int:
        """Multiplications on the longest path: the levels it uses."""
        return (self.degree - 1).bit_length()

    def __call__(self, z: Reals) -> Reals:
        """Evaluate it, elementwise."""
        return np.asarray(power_basis.polyval(z, self.coefficients), dtype=np.float64)

    def derivative(self) -> Polynomial:
        """Return the derivative; the degree must be 2 or more.

        The interval is kept: what is proven to stay inside for the polynomial does so for its derivative.
        """
        powers = enumerate(self.coefficients[1:], start=1)
        return Polynomial(tuple(power * coefficient for power, coefficient in powers), self.interval)

    def range_on(self, low: float, high: float) -> tuple[float, float]:
        """Return bounds on its values on [low, high]: values on a grid, widened by what lies between grid points."""
        slopes = [abs(power * coefficient) for power, coefficient in enumerate(self.coefficients)][1:]
        steepest = float(power_basis.polyval(max(abs(low), abs(high)), slopes))
        critical = self._vertex(low, high)
        points = np.array([low, high, *critical]) if self.degree <= 2 else np.linspace(low, high, 129)
        between = 0.0 if self.degree <= 2 else steepest * (high - low) / 256
        values = self(points)
        slack = between + (_SLACK - 1) * (float(np.abs(values).max()) + steepest * max(abs(low), abs(high)))
        return float(values.min()) - slack, float(values.max()) + slack

    def _vertex(self, low: float, high: float) -> list[float]:
        if self.degree != 2:
            return []
        vertex = -self.coefficients[1] / (2 * self.coefficients[2])
        return [vertex] if low < vertex < high else []


SQUARE = Polynomial((0.0, 0.0, 1.0))
"""z**2 itself."""


def fit_least_squares(
    function: Callable[[Reals], Reals], degree: int, interval: float, parity: Parity = "any"
) -> Polynomial:
    """Fit `function` on [-interval, interval] in the least-squares sense.

    Args:
        function: elementwise.
        degree: 1 to `MAX_DEGREE`, of the given parity.
        interval: half-width.
        parity: which powers may be used.
    """
    powers = [power for power in range(degree + 1) if _allowed(power, parity)]
    u = np.linspace(-1, 1, _POINTS)
    found = np.linalg.lstsq(u[:, None] ** np.array(powers), function(u * interval), rcond=None)[0]
    coefficients = np.zeros(degree + 1)
    coefficients[powers] = found
    return _stated(function, coefficients, interval)


def fit_chebyshev(function: Callable[[Reals], Reals], degree: int, interval: float) -> Polynomial:
    """Interpolate `function` at Chebyshev's points of [-interval, interval]: close to the best in the largest error."""
    series = Chebyshev.interpolate(lambda u: function(np.asarray(u) * interval), degree)
    coefficients = np.zeros(degree + 1)
    found = series.convert(kind=np.polynomial.Polynomial).coef
    coefficients[: found.size] = found
    return _stated(function, coefficients, interval)


def _allowed(power: int, parity: Parity) -> bool:
    return parity == "any" or power % 2 == (1 if parity == "odd" else 0)


def _stated(function: Callable[[Reals], Reals], scaled: Reals, interval: float) -> Polynomial:
    """Undo the scaling to [-1, 1], round, and take the largest error on a grid."""
    exact = scaled / interval ** np.arange(scaled.size)
    rounded = np.rint(exact * _GRID) / _GRID
    if rounded[-1] == 0:
        raise ValueError("the leading coefficient vanishes: choose another degree or parity")
    points = np.linspace(-interval, interval, _POINTS)
    error = np.abs(power_basis.polyval(points, rounded) - function(points)).max()
    return Polynomial(tuple(rounded.tolist()), interval, float(error) * _SLACK)
