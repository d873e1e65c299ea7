"""Polynomial activations, forward and backward.

Rules kept here:
  1. The depth is ceil(log2(degree)). Powers are built from the two halves of their exponent, each made once.
  2. The leading coefficient goes into the scale of the last product; the others are whole numbers that multiply lower
     powers at that scale, rounded by half a unit at most. So the result needs neither a rescaling nor a
     relinearisation of its own: whoever multiplies it next does both.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Generic

from secure_ds.ckks.layers.ladder import Ladder, aligned, lower, product
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.layers.tensors import Arithmetic, Scaled, T, Tensor, gather


def activate(arithmetic: Arithmetic[T], ladder: Ladder, z: Tensor[T], polynomial: Polynomial) -> Tensor[T]:
    """Return the polynomial of every value. Degree 2 or more: a line is a linear layer."""
    return gather([evaluate(arithmetic, ladder, value, polynomial) for value in z.each()], z.shape)


def activation_gradient(
    arithmetic: Arithmetic[T], ladder: Ladder, gradient: Tensor[T], z: Tensor[T], polynomial: Polynomial
) -> Tensor[T]:
    """Return the gradient by z, given that by polynomial(z): gradient * polynomial'(z)."""
    derivative = polynomial.derivative()
    pairs = zip(gradient.each(), z.each(), strict=True)
    return gather([_chained(arithmetic, ladder, upper, value, derivative) for upper, value in pairs], z.shape)


def evaluate(arithmetic: Arithmetic[T], ladder: Ladder, z: Scaled[T], polynomial: Polynomial) -> Scaled[T]:
    """Return polynomial(z) as it leaves the last product: three polynomials, scale not yet lowered."""
    powers = _Powers(arithmetic, ladder, lower(arithmetic, ladder, z))
    *lower_terms, leading = polynomial.coefficients
    result = powers.leading(polynomial.degree, leading)
    for power, coefficient in enumerate(lower_terms[1:], start=1):
        factor = round(Fraction(coefficient) * result.scale / powers.scale(power)) if coefficient else 0
        if factor:
            result = _with_term(arithmetic, result, powers.get(power), factor)
    constant = round(Fraction(lower_terms[0]) * result.scale)
    value = arithmetic.add_constant(result.value, float(constant)) if constant else result.value
    value = arithmetic.note_polynomial(value, powers.get(1).value, polynomial)
    return Scaled(value, result.level, result.scale, result.size)


def _with_term(arithmetic: Arithmetic[T], total: Scaled[T], power: Scaled[T], factor: int) -> Scaled[T]:
    level = min(total.level, power.level)  # an odd power may have come down further than the leading one
    total, term = aligned(arithmetic, total, level), aligned(arithmetic, power, level)
    scaled = arithmetic.multiply_integer(term.value, float(factor), float(total.scale))
    return Scaled(arithmetic.add(total.value, scaled), total.level, total.scale, total.size)


def _chained(
    arithmetic: Arithmetic[T], ladder: Ladder, upper: Scaled[T], z: Scaled[T], derivative: Polynomial
) -> Scaled[T]:
    upper = lower(arithmetic, ladder, upper)
    if derivative.degree > 1:
        slope = lower(arithmetic, ladder, evaluate(arithmetic, ladder, z, derivative))
        return product(arithmetic, upper, slope, Fraction(1))
    slope = _line(arithmetic, lower(arithmetic, ladder, z), derivative)
    return product(arithmetic, upper, slope, Fraction(1))


def _line(arithmetic: Arithmetic[T], z: Scaled[T], line: Polynomial) -> Scaled[T]:
    """Return c_0 + c_1 z: the slope goes into the scale."""
    constant, slope = (Fraction(coefficient) for coefficient in line.coefficients)
    scale = z.scale / abs(slope)
    value = arithmetic.multiply_integer(z.value, 1.0 if slope > 0 else -1.0, float(scale))
    integer = round(constant * scale)
    return Scaled(arithmetic.add_constant(value, float(integer)) if integer else value, z.level, scale)


class _Powers(Generic[T]):
    """Powers of one value, lowered, made when asked for."""

    def __init__(self, arithmetic: Arithmetic[T], ladder: Ladder, z: Scaled[T]) -> None:
        self._arithmetic, self._ladder = arithmetic, ladder
        self._known: dict[int, Scaled[T]] = {1: z}

    def get(self, power: int) -> Scaled[T]:
        """Return z**power, ready to be multiplied."""
        if power not in self._known:
            self._known[power] = lower(self._arithmetic, self._ladder, self._product(power, Fraction(1)))
        return self._known[power]

    def scale(self, power: int) -> Fraction:
        """Return the scale of z**power."""
        return self.get(power).scale

    def leading(self, power: int, coefficient: float) -> Scaled[T]:
        """Return coefficient * z**power, as it leaves the last product."""
        result = self._product(power, abs(Fraction(coefficient)))
        if coefficient > 0:
            return result
        return Scaled(self._arithmetic.negate(result.value), result.level, result.scale, result.size)

    def _product(self, power: int, constant: Fraction) -> Scaled[T]:
        upper = 1 << ((power - 1).bit_length() - 1)
        return product(self._arithmetic, self.get(upper), self.get(power - upper), constant)
