"""The scale of every ciphertext of a training step, so that terms agree exactly after rescaling.

Rules kept here:
  1. Primes are not powers of two: each scale is computed from the primes that were really dropped, in exact rational
     arithmetic, and rounded to a double once.
  2. Coefficients of the cubic are folded into scales, never multiplied in: the integers of z read at another scale
     are the integers of u. What remains is an integer constant and an integer multiple of the label.

With Z the integers of one half of z at scale s_z (twice that of the weighted sum, which splitting doubles) and
k = -cubic, the residual r = p(z) - 1/2 - v is computed as

    Z * (C - rescale(Z^2)) - M * V,    C = linear / k at the scale of the square,    M = cubic scale / input scale,

whose scale is s_z * (s_z^2 / q_L) / k, then rescaled down to `PRODUCT_LEVEL`. There it meets the columns, which were
multiplied by the integer `lift` (exact, and it keeps them above the noise of the automorphisms that group them). The
relinearised product is rescaled once, to `TREE_LEVEL`, where packing takes half the work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from secure_ds.ckks.layers.activation import CubicSigmoid
from secure_ds.ckks.parameters import Parameters

PRODUCT_LEVEL = 2
"""Level at which residuals meet columns."""
TREE_LEVEL = 1
"""Level at which products are packed."""


@dataclass(frozen=True)
class Scales:
    """Scale of each value of a step; a value v is held as the integers round(v * scale).

    Attributes:
        inputs: the uploaded columns.
        weights: the clear integers that stand for the weights.
        lift: the integer that columns are multiplied by before products.
        forward: z1 + J z2, at the top level.
        half: z1 and z2 once they are split, at the top level.
        square: z1**2 and z2**2 after rescaling, one level below.
        cubic: r before its rescalings, on the same level.
        residual: r at `PRODUCT_LEVEL`, where it meets the columns.
        columns: the columns there.
        product: r * x at `PRODUCT_LEVEL`.
        packed: r * x at `TREE_LEVEL`.
        answer: the released coefficients per unit of the gradient; packing doubles it.
    """

    inputs: float
    weights: int
    lift: int
    forward: float
    half: float
    square: float
    cubic: float
    residual: float
    columns: float
    product: float
    packed: float
    answer: float


def compute_scales(
    parameters: Parameters, input_scale: float, weight_scale: int, lift: int, sigmoid: CubicSigmoid, answer_level: int
) -> Scales:
    """Follow a step through the chain of primes.

    Args:
        parameters: at least four data primes.
        input_scale: scale of the columns.
        weight_scale: integer scale of the weights.
        lift: integer that columns are multiplied by before products.
        sigmoid: the cubic whose coefficient is folded in.
        answer_level: 0 or `TREE_LEVEL`.
    """
    primes = parameters.data_primes
    inputs = Fraction(input_scale)
    forward = inputs * weight_scale
    half = 2 * forward
    square = half**2 / primes[-1]
    cubic = half * square / -Fraction(sigmoid.cubic)
    residual = cubic / math.prod(primes[PRODUCT_LEVEL + 1 : -1])
    columns = inputs * lift
    packed = residual * columns / primes[PRODUCT_LEVEL]
    answer = 2 * packed if answer_level == TREE_LEVEL else 2 * packed / primes[TREE_LEVEL]
    return Scales(
        inputs=input_scale,
        weights=weight_scale,
        lift=lift,
        forward=float(forward),
        half=float(half),
        square=float(square),
        cubic=float(cubic),
        residual=float(residual),
        columns=float(columns),
        product=float(residual * columns),
        packed=float(packed),
        answer=float(answer),
    )


def largest_weight_scale(
    parameters: Parameters, input_scale: float, lift: int, sigmoid: CubicSigmoid, largest_answer: float
) -> int:
    """Return the largest weight scale at which a sum of `largest_answer` does not wrap around.

    The packed coefficients are 2 * packed scale * sum and must stay below half the modulus at `TREE_LEVEL`; rescaling
    divides both alike.
    """
    product = Fraction(parameters.modulus(PRODUCT_LEVEL)) / 4 / Fraction(largest_answer)
    cubic = product / (Fraction(input_scale) * lift) * math.prod(parameters.data_primes[PRODUCT_LEVEL + 1 : -1])
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
