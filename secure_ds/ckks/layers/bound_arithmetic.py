"""Layers on bounds: the same code that runs on ciphertexts proves here how large values and errors can become.

A `Bounded` value stands for every value that declared inputs can lead to: the range of the *ideal* number (the network
as described, in exact arithmetic) and a bound on how far a slot of the decrypted ciphertext is from it. The error holds
everything: encryption, rescaling, key switching, weights and constants rounded to whole numbers, doubles.

Rules kept here:
  1. Intervals only ever grow, by interval arithmetic; `note_polynomial` alone narrows one, to the polynomial's range.
  2. Let v and e be value and error. A product errs by |v_1| e_2 + |v_2| e_1 + e_1 e_2, a combination by
     sum |W| e + sum |W - w| |v| with W the rounded weights; each rounding of a constant by half a unit.
  3. After every operation |v| + e, times the scale, must stay below half the modulus: coefficients are at most the
     largest slot, so nothing can wrap around. Constants need two bits more, or SEAL does not encode them.
  4. Doubles: every result is widened by 2**-48 of itself, far above what a few roundings of scales and bounds change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.layers.linear_map import LinearMap
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.slot_noise import SlotNoise

_WIDEN = 2.0**-48
_CONSTANT_ROOM = 8.0  # SEAL encodes a constant only if two bits are free above it


class Bounded(NamedTuple):
    """What is known of one value.

    Attributes:
        low: least ideal number.
        high: largest ideal number.
        error: bound on |slot - ideal|.
        level: level.
        scale: scale.
    """

    low: float
    high: float
    error: float
    level: int
    scale: float

    @property
    def largest(self) -> float:
        """Bound on |ideal|."""
        return max(abs(self.low), abs(self.high))


class BoundArithmetic:
    """Arithmetic on `Bounded`.

    Attributes:
        needed_bits: for each level met, the bits of modulus that the largest value there needs.
    """

    def __init__(self, noise: SlotNoise | None) -> None:
        """Take the noise of a ring; None for a sketch, which has no noise and no modulus and only notes sizes."""
        self._noise = noise
        self.needed_bits: dict[int, float] = {}

    def fresh(self, low: float, high: float, level: int, scale: float) -> Bounded:
        """Return what is known of a fresh ciphertext of numbers from `low` to `high`."""
        noise = 0.0 if self._noise is None else self._noise.fresh(max(abs(low), abs(high)), scale) / scale
        return self._checked(Bounded(low, high, noise, level, scale))

    def combine(self, inputs: Sequence[Bounded], linear: LinearMap, scale: float) -> list[Bounded]:
        """Bound the combinations."""
        first = inputs[0]
        factor = first.scale * linear.scale / scale
        low, high, error = (np.array(column) for column in list(zip(*inputs, strict=True))[:3])
        largest, centre, radius = np.maximum(np.abs(low), np.abs(high)), (low + high) / 2, (high - low) / 2
        weights = tuple(block.weights for block in linear.blocks)
        rounded = tuple(whole / linear.scale for whole in linear.integers)
        off = tuple(np.abs(left - right) for left, right in zip(weights, rounded, strict=True))
        middle = linear.apply(centre, weights)
        spread = linear.apply(radius, tuple(np.abs(weight) for weight in weights))
        total = linear.apply(error, tuple(np.abs(whole) for whole in rounded)) + linear.apply(largest, off)
        count = math.sqrt(linear.n_inputs)
        doubles = _WIDEN * count * linear.apply(largest, tuple(np.abs(weight) for weight in weights))
        bounds = zip(middle - spread - doubles, middle + spread + doubles, total + doubles, strict=True)
        return [
            self._checked(Bounded(float(a) * factor, float(b) * factor, float(e) * factor, first.level, scale))
            for a, b, e in bounds
        ]

    def add(self, left: Bounded, right: Bounded) -> Bounded:
        """Bound left + right."""
        low, high = left.low + right.low, left.high + right.high
        return self._checked(Bounded(low, high, left.error + right.error, left.level, left.scale))

    def add_constant(self, value: Bounded, integer: float) -> Bounded:
        """Bound value + constant, the constant rounded to the whole number."""
        self._require_room(value.level, abs(integer) * _CONSTANT_ROOM)
        constant, rounding = integer / value.scale, 0.5 / value.scale
        low, high = value.low + constant - rounding, value.high + constant + rounding
        return self._checked(Bounded(low, high, value.error + rounding, value.level, value.scale))

    def negate(self, value: Bounded) -> Bounded:
        """Bound -value."""
        return value._replace(low=-value.high, high=-value.low)

    def multiply_integer(self, value: Bounded, integer: float, scale: float) -> Bounded:
        """Bound value * factor, the factor rounded to the whole number."""
        self._require_room(value.level, abs(integer) * _CONSTANT_ROOM)
        factor, rounding = integer * value.scale / scale, 0.5 * value.scale / scale
        ends = sorted((value.low * factor, value.high * factor))
        off = rounding * value.largest
        error = value.error * abs(factor) + off
        return self._checked(Bounded(ends[0] - off, ends[1] + off, error, value.level, scale))

    def multiply(self, left: Bounded, right: Bounded, scale: float) -> Bounded:
        """Bound the product."""
        factor = left.scale * right.scale / scale
        corners = [a * b * factor for a in (left.low, left.high) for b in (right.low, right.high)]
        error = left.largest * right.error + right.largest * left.error + left.error * right.error
        return self._checked(Bounded(min(corners), max(corners), error * factor, left.level, scale))

    def square(self, value: Bounded, scale: float) -> Bounded:
        """Bound the square."""
        product = self.multiply(value, value, scale)
        crosses = value.low < 0 < value.high
        least = 0.0 if crosses else min(value.low**2, value.high**2) * value.scale**2 / scale
        return product._replace(low=least * (1 - _WIDEN))

    def relinearise(self, value: Bounded) -> Bounded:
        """Add the noise of a key switching."""
        noise = 0.0 if self._noise is None else self._noise.key_switching(value.level)
        return self._checked(value._replace(error=value.error + noise / value.scale))

    def rescale(self, value: Bounded, scale: float) -> Bounded:
        """Add the noise of a rescaling."""
        noise = 0.0 if self._noise is None else self._noise.rounding
        return self._checked(value._replace(error=value.error + noise / scale, level=value.level - 1, scale=scale))

    def drop_to(self, value: Bounded, level: int) -> Bounded:
        """Return the value at a lower level."""
        return self._checked(value._replace(level=level))

    def note_polynomial(self, value: Bounded, argument: Bounded, polynomial: Polynomial) -> Bounded:
        """Narrow the range to the polynomial's; refuse an argument outside the interval it was fitted on.

        Raises:
            PlanRefused: ``outside_interval``.
        """
        reach = argument.largest + argument.error
        if polynomial.interval is not None and reach > polynomial.interval:
            raise PlanRefused(
                "outside_interval",
                f"a polynomial fitted on +-{polynomial.interval:g} can meet {reach:g}: fit it on a wider interval,"
                " or make the weights before it smaller",
            )
        low, high = polynomial.range_on(argument.low, argument.high)
        return value._replace(low=max(low, value.low), high=min(high, value.high))

    def _checked(self, value: Bounded) -> Bounded:
        widened = value._replace(error=value.error * (1 + _WIDEN) + value.largest * _WIDEN)
        reach = (widened.largest + widened.error) * widened.scale
        self._require_room(value.level, 2 * reach)
        return widened

    def _require_room(self, level: int, modulus: float) -> None:
        """Note, and where there is a ring require, that the modulus at `level` is above `modulus`."""
        if not math.isfinite(modulus):
            raise PlanRefused("no_head_room", "values grow beyond what doubles hold: make the weights smaller")
        bits = math.log2(max(modulus, 1.0))
        self.needed_bits[level] = max(self.needed_bits.get(level, 0.0), bits)
        if self._noise is not None and modulus >= self._noise.parameters.modulus(level):
            present = math.log2(self._noise.parameters.modulus(level))
            raise PlanRefused(
                "no_head_room", f"a value needs {bits:.1f} bits of modulus at level {level}, it has {present:.1f}"
            )
