"""Feature-major tensors over any arithmetic, and what an arithmetic must offer.

Rules kept here:
  1. A tensor holds one *value* per feature (pixel, channel position); a value holds that feature for many records. What
     a value is, the arithmetic knows: a ciphertext, a vector of numbers, or a proven bound on both.
  2. All values of a tensor share level, scale and size (number of polynomials). Scales are exact rational numbers,
     rounded to a double once, where they are handed to the arithmetic.
  3. The caller states the scale of every result: a product read at another scale than that of its factors' product is
     the product times a constant, at no cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Generic, Protocol, TypeVar

from secure_ds.ckks.layers.linear_map import LinearMap
from secure_ds.ckks.layers.polynomials import Polynomial

T = TypeVar("T")


class Arithmetic(Protocol[T]):
    """What layers need of a value. Operations return new values."""

    def combine(self, inputs: Sequence[T], linear: LinearMap, scale: float) -> list[T]:
        """Return the integer combinations `linear` of `inputs`, read at `scale`. Exact; uses no level."""

    def add(self, left: T, right: T) -> T:
        """Return left + right; levels and scales must agree."""

    def add_constant(self, value: T, integer: float) -> T:
        """Return value with a whole double added to its integers."""

    def negate(self, value: T) -> T:
        """Return -value."""

    def multiply_integer(self, value: T, integer: float, scale: float) -> T:
        """Return value times a non-zero whole double, read at `scale`. Exact; uses no level."""

    def multiply(self, left: T, right: T, scale: float) -> T:
        """Return the product of two values of two polynomials at one level: three polynomials, read at `scale`."""

    def square(self, value: T, scale: float) -> T:
        """Return the square, three polynomials, read at `scale`."""

    def relinearise(self, value: T) -> T:
        """Bring three polynomials back to two."""

    def rescale(self, value: T, scale: float) -> T:
        """Divide by the last prime and drop it; the result is read at `scale`."""

    def drop_to(self, value: T, level: int) -> T:
        """Return the same value modulo fewer primes."""

    def note_polynomial(self, value: T, argument: T, polynomial: Polynomial) -> T:
        """Return `value`, known to be polynomial(argument). Only an arithmetic that keeps bounds makes use of it."""


@dataclass(frozen=True)
class Scaled(Generic[T]):
    """One value with what the bookkeeping knows of it."""

    value: T
    level: int
    scale: Fraction
    size: int = 2


@dataclass(frozen=True)
class Tensor(Generic[T]):
    """Values in row-major order of `shape`, at one level, scale and size.

    Attributes:
        values: one per feature.
        shape: (features,) or (channels, height, width).
        level: level of every value.
        scale: scale of every value.
        size: polynomials of every value, 2 or 3.
    """

    values: tuple[T, ...]
    shape: tuple[int, ...]
    level: int
    scale: Fraction
    size: int = 2

    def __post_init__(self) -> None:
        if len(self.values) != math.prod(self.shape):
            raise ValueError(f"shape {self.shape} takes {math.prod(self.shape)} values, got {len(self.values)}")

    def each(self) -> tuple[Scaled[T], ...]:
        """Return the values, each with the tensor's bookkeeping."""
        return tuple(Scaled(value, self.level, self.scale, self.size) for value in self.values)

    def reshaped(self, shape: tuple[int, ...]) -> Tensor[T]:
        """Return the same values in the same order under another shape."""
        return Tensor(self.values, shape, self.level, self.scale, self.size)


def gather(values: Sequence[Scaled[T]], shape: tuple[int, ...]) -> Tensor[T]:
    """Make a tensor of values whose bookkeeping agrees.

    Raises:
        ValueError: it does not.
    """
    kinds = {(scaled.level, scaled.scale, scaled.size) for scaled in values}
    if len(kinds) != 1:
        raise ValueError("the values of a tensor must have one level, scale and size")
    ((level, scale, size),) = kinds
    return Tensor(tuple(scaled.value for scaled in values), shape, level, scale, size)
