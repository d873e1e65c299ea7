"""The scale of every ciphertext of a training step, so that terms agree exactly after rescaling.

Rules kept here:
  1. Primes are not powers of two: each scale is computed from the primes that were really dropped, in exact rational
     arithmetic, and rounded to a double once.
  2. Coefficients of the cubic are folded into scales, never multiplied in: the integers of z read at another scale
     are the integers of u. What remains is an integer constant and an integer multiple of the label.

With Z the integers of one half of z at scale s_z (twice that of the weighted sum, which splitting doubles) and
k = -cubic, the residual r = p(z) - 1/2 - v is computed as

    Z * (C - rescale(Z^2)) - M * V,    C = linear / k at the scale of the square,    M = cubic scale / input scale,

whose scale is s_z * (s_z^2 / q_L) / k, then rescaled down to level 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from secure_ds.ckks.layers.activation import CubicSigmoid
from secure_ds.ckks.parameters import Parameters


@dataclass(frozen=True)
class Scales:
    """Scale of each value of a step; a value v is held as the integers round(v * scale).

    Attributes:
        inputs: the uploaded columns.
        weights: the clear integers that stand for the weights.
        forward: z1 + J z2, at the top level.
        half: z1 and z2 once they are split, at the top level.
        square: z1**2 and z2**2 after rescaling, one level below.
        cubic: r before its rescalings, on the same level.
        residual: r at level 1, where it meets the columns.
        product: r * x at level 1.
        answer: the released coefficients at level 0 per unit of the gradient; packing doubles it.
    """

    inputs: float
    weights: int
    forward: float
    half: float
    square: float
    cubic: float
    residual: float
    product: float
    answer: float


def compute_scales(parameters: Parameters, input_scale: float, weight_scale: int, sigmoid: CubicSigmoid) -> Scales:
    """Follow a step through the chain of primes.

    Args:
        parameters: at least four data primes.
        input_scale: scale of the columns.
        weight_scale: integer scale of the weights.
        sigmoid: the cubic whose coefficient is folded in.
    """
    primes = parameters.data_primes
    inputs = Fraction(input_scale)
    forward = inputs * weight_scale
    half = 2 * forward
    square = half**2 / primes[-1]
    cubic = half * square / -Fraction(sigmoid.cubic)
    residual = cubic / math.prod(primes[2:-1])
    product = residual * inputs
    return Scales(
        inputs=input_scale,
        weights=weight_scale,
        forward=float(forward),
        half=float(half),
        square=float(square),
        cubic=float(cubic),
        residual=float(residual),
        product=float(product),
        answer=float(2 * product / primes[1]),
    )


def largest_weight_scale(
    parameters: Parameters, input_scale: float, sigmoid: CubicSigmoid, largest_answer: float
) -> int:
    """Return the largest weight scale at which a sum of `largest_answer` does not wrap around at level 1.

    The packed coefficients are 2 * product scale * sum and must stay below half the modulus.
    """
    product = Fraction(parameters.modulus(1)) / 4 / Fraction(largest_answer)
    cubic = product / Fraction(input_scale) * math.prod(parameters.data_primes[2:-1])
    half_cubed = cubic * -Fraction(sigmoid.cubic) * parameters.data_primes[-1]
    return math.floor(_cube_root(math.floor(half_cubed)) / Fraction(input_scale) / 2)


def _cube_root(value: int) -> int:
    """Return the integer cube root of a non-negative integer, by Newton's method."""
    root = 1 << -(-value.bit_length() // 3)
    while True:
        closer = (2 * root + value // (root * root)) // 3
        if closer >= root:
            return root
        root = closer
