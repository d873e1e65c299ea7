"""The scale of every ciphertext of a softmax step, so that terms agree exactly.

Rules kept here:
  1. Primes are not powers of two: each scale is computed from the primes that were really dropped, in exact rational
     arithmetic, and rounded to a double once.
  2. The slope 1/c is folded: the integers of conj(z) read at c times their scale are the integers of a z, and the label
     is lifted to the same scale by c times the weight scale, a whole number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.parameters import Parameters

LEVEL: Final = 2
"""Level of the columns, of z, r and their products, which are then rescaled to level 1."""
_MIN_WEIGHT_SCALE: Final = 2**8
_FINE_WEIGHT_SCALE: Final = 2**14
_FINE_ANSWER: Final = 2.0**34  # a deviation of noise has 2**28 steps, and may be a small fraction of a record
_MAX_LIFT: Final = 2**24  # with that, grouping columns adds less than their own noise


@dataclass(frozen=True)
class SoftmaxScales:
    """Scale of each value of a step; a value v is held as the integers round(v * scale).

    Attributes:
        inputs: the uploaded columns.
        weights: the clear integers that stand for the weights.
        lift: the integer that columns are multiplied by before products.
        forward: z.
        residual: r.
        columns: the columns in products.
        product: r * x once it is rescaled to level 1.
        answer: the released coefficients per unit of the gradient; packing doubles it.
        answer_level: their level: 0, or 1 where the last rescaling would leave noise too coarse a grid.
    """

    inputs: float
    weights: int
    lift: int
    forward: float
    residual: float
    columns: float
    product: float
    answer: float
    answer_level: int


def choose_scales(parameters: Parameters, input_scale: float, n_classes: int, largest: float) -> SoftmaxScales:
    """Lift columns, then weights, as far as a sum of `largest` does not wrap around.

    The packed coefficients are 2 * product scale * sum at level 1 and must stay below half the modulus. That is all:
    z, r and the sum of products before it are smaller multiples of the same integers in a larger modulus.

    Raises:
        PlanRefused: ``no_head_room``.
    """
    primes, inputs = parameters.data_primes, Fraction(input_scale)
    product = Fraction(parameters.modulus(1)) / 4 / Fraction(largest)
    room = math.floor(product * primes[LEVEL] / (inputs**2 * n_classes))  # to share between weights and lift
    lift = min(1 << max(0, (room // _FINE_WEIGHT_SCALE).bit_length() - 1), _MAX_LIFT)
    weights, columns = room // lift, inputs * lift
    if weights < _MIN_WEIGHT_SCALE:
        raise PlanRefused(
            "no_head_room",
            f"a sum of {largest:.0f} leaves weights a scale of {weights}, {_MIN_WEIGHT_SCALE} at least:"
            " take larger primes, or a smaller input scale",
        )
    forward = inputs * weights
    residual = forward * n_classes
    product = residual * columns / primes[LEVEL]
    answer_level = 0 if 2 * product / primes[1] >= _FINE_ANSWER else 1
    return SoftmaxScales(
        inputs=input_scale,
        weights=weights,
        lift=lift,
        forward=float(forward),
        residual=float(residual),
        columns=float(columns),
        product=float(product),
        answer=float(2 * product if answer_level else 2 * product / primes[1]),
        answer_level=answer_level,
    )
