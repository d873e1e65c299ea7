"""Layers on numbers: NumPy vectors in place of ciphertexts, with bookkeeping as strict as SEAL's and stricter.

For tests and for whoever wants a network's exact outputs. It refuses what SEAL refuses (levels or scales that differ,
products of products) and what SEAL lets pass in silence: a value that wraps around.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.linear_map import LinearMap
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.parameters import Parameters

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ClearValue:
    """One feature of many records, with the state a ciphertext would be in.

    Attributes:
        numbers: shape (records,).
        level: level.
        scale: scale.
        size: polynomials, 2 or 3.
    """

    numbers: Reals
    level: int
    scale: float
    size: int = 2


class ClearArithmetic:
    """Arithmetic on `ClearValue`, over the primes of a parameter set."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def fresh(self, numbers: Reals, scale: float) -> ClearValue:
        """Return a value as it is after encryption."""
        return self._checked(ClearValue(numbers, self._parameters.top_level, scale))

    def combine(self, inputs: Sequence[ClearValue], linear: LinearMap, scale: float) -> list[ClearValue]:
        """Return the integer combinations of the inputs."""
        first = inputs[0]
        if any((value.level, value.scale, value.size) != (first.level, first.scale, first.size) for value in inputs):
            raise EvaluationRefused("values of one linear map must have one level, scale and size")
        factor = first.scale / scale
        combined = linear.apply(np.stack([value.numbers for value in inputs]), linear.integers) * factor
        return [self._checked(replace(first, numbers=numbers, scale=scale)) for numbers in combined]

    def add(self, left: ClearValue, right: ClearValue) -> ClearValue:
        """Return left + right."""
        if (left.level, left.scale) != (right.level, right.scale):
            raise EvaluationRefused("terms must have one level and scale")
        size = max(left.size, right.size)
        return self._checked(ClearValue(left.numbers + right.numbers, left.level, left.scale, size))

    def add_constant(self, value: ClearValue, integer: float) -> ClearValue:
        """Return value with a whole number added to its integers."""
        self._require_encodable(integer, value.level)
        return self._checked(replace(value, numbers=value.numbers + integer / value.scale))

    def negate(self, value: ClearValue) -> ClearValue:
        """Return -value."""
        return replace(value, numbers=-value.numbers)

    def multiply_integer(self, value: ClearValue, integer: float, scale: float) -> ClearValue:
        """Return value times a whole number, read at `scale`."""
        self._require_encodable(integer, value.level)
        return self._checked(replace(value, numbers=value.numbers * (integer * value.scale / scale), scale=scale))

    def multiply(self, left: ClearValue, right: ClearValue, scale: float) -> ClearValue:
        """Return the product, read at `scale`."""
        if left.level != right.level or left.size != 2 or right.size != 2:
            raise EvaluationRefused("factors must have one level and two polynomials")
        factor = left.scale * right.scale / scale
        return self._checked(ClearValue(left.numbers * right.numbers * factor, left.level, scale, 3))

    def square(self, value: ClearValue, scale: float) -> ClearValue:
        """Return the square, read at `scale`."""
        return self.multiply(value, value, scale)

    def relinearise(self, value: ClearValue) -> ClearValue:
        """Return the value with two polynomials."""
        if value.size != 3:
            raise EvaluationRefused("only a product is relinearised")
        return replace(value, size=2)

    def rescale(self, value: ClearValue, scale: float) -> ClearValue:
        """Drop the last prime."""
        if value.level < 1 or value.size != 2:
            raise EvaluationRefused("rescaling takes two polynomials and a prime to drop")
        exact = value.scale / self._parameters.data_primes[value.level]
        return self._checked(
            replace(value, numbers=value.numbers * (exact / scale), level=value.level - 1, scale=scale)
        )

    def drop_to(self, value: ClearValue, level: int) -> ClearValue:
        """Return the value at a lower level."""
        if not 0 <= level <= value.level:
            raise EvaluationRefused(f"level must be 0 to {value.level}, got {level}")
        return self._checked(replace(value, level=level))

    def note_polynomial(self, value: ClearValue, argument: ClearValue, polynomial: Polynomial) -> ClearValue:
        """Return the value."""
        return value

    def _checked(self, value: ClearValue) -> ClearValue:
        largest = float(np.abs(value.numbers).max(initial=0.0))
        if not largest * value.scale < self._parameters.modulus(value.level) / 2:
            raise EvaluationRefused(f"a value of {largest:g} at scale {value.scale:g} wraps around")
        return value

    def _require_encodable(self, number: float, level: int) -> None:
        if number != np.rint(number) or number == 0:
            raise EvaluationRefused(f"constants are whole numbers other than zero, got {number}")
        if int(np.log2(abs(number))) + 2 >= self._parameters.modulus(level).bit_length():
            raise EvaluationRefused(f"a constant of {number:g} is too large to be encoded at level {level}")
