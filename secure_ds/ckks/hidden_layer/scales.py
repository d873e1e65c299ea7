"""The scale of every ciphertext of a hidden-layer step, so that terms agree exactly.

Rules kept here:
  1. Primes are not powers of two: each scale is computed from the primes that were really dropped, in exact rational
     arithmetic, and rounded to a double once.
  2. The square's coefficient is folded into scales. The linear one is a whole number of the integers of u: what it
     stands for is at most half a unit from what was asked, and is the network's coefficient from then on.
  3. Integers are lifted by whole numbers before a prime is dropped, so that what is rounded off is below the noise.

| level | values |
|---|---|
| 4 | u = W1 x, its halves, their squares |
| 3 | g(u), z = W2 g(u), r = z - v, s = W2^T r, the halves of u again |
| 2 | t = s g'(u), r again; products t x and r g(u) |
| 1 | sums of products, packing |
| 0 | answers |
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.parameters import Parameters

FIRST_WEIGHT_SCALES: Final = tuple(2**bits for bits in range(10, 26, 2))
SECOND_WEIGHT_SCALES: Final = tuple(2**bits for bits in range(9, 13))
"""Integers per unit of W1 and of W2. Larger ones keep u farther above the noise of splitting it, smaller ones leave
more room to its halves beside r: the planner takes the pair with the least error."""
INPUT_LEVEL: Final = 4
PRODUCT_LEVEL: Final = 2
_LEAST_LINEAR: Final = 2**6  # stands for the linear coefficient to a per cent


@dataclass(frozen=True)
class HiddenScales:
    """Scale of each value of a step; a value v is held as the integers round(v * scale).

    Attributes:
        inputs: the uploaded columns.
        first_weights: the clear integers that stand for W1.
        second_weights: those that stand for W2.
        u: u, at level 4.
        g: g(u), at level 3.
        linear: whole number by which the integers of u enter g(u).
        z: z, and r in conjugated form, at level 3.
        label: whole number that lifts a label to the scale of r.
        halves: whole number that lifts the halves of u before they drop to level 3.
        half: the halves of u at level 3.
        shift: integer that stands for linear/(2 square) beside the halves of u.
        t: t, at level 2.
        residual_lift: whole number that lifts r before it drops to level 2.
        residual: r, at level 2.
        first_product: t x, rescaled to level 1.
        second_product: r g(u), rescaled to level 1.
        first_answer: released coefficients at level 0 per unit of the gradient for W1; packing doubles it.
        second_answer: the same for W2.
    """

    inputs: float
    first_weights: int
    second_weights: int
    u: float
    g: float
    linear: int
    z: float
    label: int
    halves: int
    half: float
    shift: int
    t: float
    residual_lift: int
    residual: float
    first_product: float
    second_product: float
    first_answer: float
    second_answer: float


def linear_coefficient(
    parameters: Parameters, input_scale: float, weight_scale: int, linear: float, square: float
) -> tuple[int, float]:
    """Return the whole number that stands for the linear coefficient, and the coefficient that it stands for.

    Raises:
        PlanRefused: ``no_head_room``: the number is too small to stand for it.
    """
    u = Fraction(input_scale) * weight_scale
    g = _scale_of_g(parameters, u, square)
    whole = round(Fraction(linear) * g / u)
    if whole < _LEAST_LINEAR:
        raise PlanRefused("no_head_room", "the linear coefficient is too small beside the square's at this input scale")
    return whole, float(whole * u / g)


def choose_scales(
    parameters: Parameters,
    input_scale: float,
    weight_scales: tuple[int, int],
    linear: int,
    square: float,
    largest: tuple[float, float],
) -> HiddenScales:
    """Lift values as far as sums up to `largest` (for W1, for W2) do not wrap around at level 1.

    The packed coefficients are 2 * product scale * sum and must stay below half the modulus. Everything before it is a
    smaller multiple of the same integers in a larger modulus.

    Args:
        parameters: at least five data primes.
        input_scale: scale of the columns.
        weight_scales: integer scales of W1 and of W2.
        linear: of `linear_coefficient`.
        square: coefficient of the square.
        largest: bounds on any number of either gradient, noise included.

    Raises:
        PlanRefused: ``no_head_room``.
    """
    primes, inputs, doubled = parameters.data_primes, Fraction(input_scale), 2 * Fraction(square)
    first_room, second_room = (Fraction(parameters.modulus(1)) / 4 / Fraction(bound) for bound in largest)
    u = inputs * weight_scales[0]
    g = _scale_of_g(parameters, u, square)
    z = g * weight_scales[1]
    s = 2 * z * weight_scales[1]
    halves = math.floor(first_room * primes[2] / inputs * primes[3] * doubled / s * primes[4] / (2 * u))
    residual_lift = math.floor(second_room * primes[2] / g * primes[3] / z)
    if min(halves, residual_lift) < 1:
        raise PlanRefused("no_head_room", "products have no room: take larger primes or a smaller input scale")
    half = 2 * u * halves / primes[4]
    t = s * half / doubled / primes[3]
    residual = z * residual_lift / primes[3]
    first_product, second_product = t * inputs / primes[2], residual * g / primes[2]
    return HiddenScales(
        inputs=input_scale,
        first_weights=weight_scales[0],
        second_weights=weight_scales[1],
        u=float(u),
        g=float(g),
        linear=linear,
        z=float(z),
        label=round(z / inputs),
        halves=halves,
        half=float(half),
        shift=round(linear * u / g / doubled * half),
        t=float(t),
        residual_lift=residual_lift,
        residual=float(residual),
        first_product=float(first_product),
        second_product=float(second_product),
        first_answer=float(2 * first_product / primes[1]),
        second_answer=float(2 * second_product / primes[1]),
    )


def _scale_of_g(parameters: Parameters, u: Fraction, square: float) -> Fraction:
    return (2 * u) ** 2 / parameters.data_primes[INPUT_LEVEL] / Fraction(square)
