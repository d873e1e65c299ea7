"""When a value gives up primes: one rule, computed from the primes alone, so that no schedule needs to be kept.

The rule: before a multiplication (and at the very end) a value drops its last prime as long as its scale stays at
2**(working_bits - 1/2) at least. Between multiplications nothing is dropped: whole-number weights multiply scales
exactly, and the later a rescaling comes, the less its rounding is amplified.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from secure_ds.ckks.layers.tensors import Arithmetic, Scaled, T
from secure_ds.ckks.parameters import MAX_PRIME_BITS, Parameters

MIN_DROPPED_BITS = 28
"""Smallest prime that a planned ladder drops; less than that is carried along."""


class Ladder(Protocol):
    """Says which prime a value drops next."""

    def next_prime(self, level: int, scale: Fraction) -> int | None:
        """Return the prime to divide a value at `level` and `scale` by, None to leave it."""


@dataclass(frozen=True)
class PrimeLadder:
    """The rule, over the primes of a parameter set."""

    parameters: Parameters
    working_bits: int

    def next_prime(self, level: int, scale: Fraction) -> int | None:
        """Apply the rule."""
        prime = self.parameters.data_primes[level]
        return prime if level > 0 and _reaches(scale / prime, self.working_bits) else None


class SketchLadder:
    """Invents the primes that a circuit would like, as powers of two; levels count down from zero.

    Attributes:
        working_bits: the rule's.
        dropped: bits of the prime dropped at each level met so far: level 0 first, then -1, and so on.
    """

    def __init__(self, working_bits: int) -> None:
        self.working_bits = working_bits
        self.dropped: list[int] = []

    def next_prime(self, level: int, scale: Fraction) -> int | None:
        """Return the prime invented for this level, or invent one that suits this value."""
        if -level == len(self.dropped):
            self._invent(scale)
        if -level >= len(self.dropped):
            return None
        prime = 1 << self.dropped[-level]
        return prime if _reaches(scale / prime, self.working_bits) else None

    def _invent(self, scale: Fraction) -> None:
        excess = round(math.log2(scale)) - self.working_bits
        if excess >= MIN_DROPPED_BITS:
            self.dropped.append(min(excess, MAX_PRIME_BITS))


def lower(arithmetic: Arithmetic[T], ladder: Ladder, value: Scaled[T]) -> Scaled[T]:
    """Make a value ready to be multiplied: two polynomials, and primes dropped by the rule."""
    current, level, scale = value.value, value.level, value.scale
    if value.size == 3:
        current = arithmetic.relinearise(current)
    while (prime := ladder.next_prime(level, scale)) is not None:
        level, scale = level - 1, scale / prime
        current = arithmetic.rescale(current, float(scale))
    return Scaled(current, level, scale)


def aligned(arithmetic: Arithmetic[T], value: Scaled[T], level: int) -> Scaled[T]:
    """Return the value at a lower or the same level."""
    if value.level == level:
        return value
    return Scaled(arithmetic.drop_to(value.value, level), level, value.scale, value.size)


def product(arithmetic: Arithmetic[T], left: Scaled[T], right: Scaled[T], constant: Fraction) -> Scaled[T]:
    """Return constant * left * right for lowered values: the constant, above zero, goes into the scale."""
    level = min(left.level, right.level)
    left, right = aligned(arithmetic, left, level), aligned(arithmetic, right, level)
    scale = left.scale * right.scale / constant
    if left.value is right.value:
        return Scaled(arithmetic.square(left.value, float(scale)), level, scale, 3)
    return Scaled(arithmetic.multiply(left.value, right.value, float(scale)), level, scale, 3)


def _reaches(scale: Fraction, bits: int) -> bool:
    return scale * scale >= Fraction(2) ** (2 * bits - 1)
