"""The activation of the hidden layer: a polynomial of degree two, with a stated interval and bounds on all it reaches.

g(u) = linear * u + square * u^2 with linear, square > 0. g(0) = 0, so a place without a record stays empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class QuadraticActivation:
    """g on vectors u of l2 norm at most `interval`.

    Attributes:
        interval: bound on ||u||, and so on every entry of u.
        linear: coefficient of u.
        square: coefficient of u^2.
    """

    interval: float
    linear: float
    square: float

    def __call__(self, u: FloatArray) -> FloatArray:
        """Evaluate g entry by entry."""
        values: FloatArray = u * (self.linear + self.square * u)
        return values

    def derivative(self, u: FloatArray) -> FloatArray:
        """Evaluate g' entry by entry."""
        values: FloatArray = self.linear + 2 * self.square * u
        return values

    @property
    def largest(self) -> float:
        """Bound ||g(u)||: ||u^2|| <= ||u||^2, with equality where u has one entry that is not zero."""
        return self.interval * (self.linear + self.square * self.interval)

    @property
    def steepest(self) -> float:
        """Bound |g'| on every entry."""
        return self.linear + 2 * self.square * self.interval
