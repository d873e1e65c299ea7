"""The residual of the logistic loss, p(z) - 1/2 - v, on ciphertexts of two records per slot.

Rules kept here:
  1. z1 + J z2 is split by one conjugation at the top level; each half takes one square and one product, the cubic's
     coefficients folded into scales (see `scales`). The halves meet again, as r1 - J r2, before the second
     relinearisation.
  2. A place without a record (z = v = 0) has residual 0: p is odd about 1/2, so the ragged last block needs no mask.
  3. The result is at `PRODUCT_LEVEL`, where the product with the columns follows.
"""

from __future__ import annotations

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.layers.activation import CubicSigmoid
from secure_ds.ckks.scales import PRODUCT_LEVEL, Scales


def residual(
    engine: Engine, z: Ciphertext | None, label: Ciphertext, scales: Scales, sigmoid: CubicSigmoid
) -> Ciphertext:
    """Return r1 - J r2 with r = p(z) - 1/2 - v, at `PRODUCT_LEVEL`.

    Args:
        engine: arithmetic.
        z: the weighted sums z1 + J z2 at the top level, None for zero.
        label: v1 - J v2 with v = y - 1/2, at the input scale, one level below the top.
        scales: the plan's scales.
        sigmoid: the cubic p.
    """
    if z is None:
        return joined(engine, None, label, scales)
    first, second = (cube(engine, half, scales, sigmoid) for half in split(engine, z, scales.half))
    return joined(engine, (first, second), label, scales)


def joined(
    engine: Engine, cubes: tuple[Ciphertext, Ciphertext] | None, label: Ciphertext, scales: Scales
) -> Ciphertext:
    """Return the residual from the cubes of both halves, None for weighted sums of zero."""
    shifted = engine.multiply_integer(label, -round(scales.cubic / scales.inputs), scales.cubic)
    if cubes is not None:
        first, second = cubes
        shifted = engine.add(engine.relinearise(engine.subtract(first, engine.times_unit(second))), shifted)
    return _rescale_to_output(engine, shifted, scales)


def split(engine: Engine, z: Ciphertext, scale: float) -> tuple[Ciphertext, Ciphertext]:
    """Return ciphertexts of z1 and z2 in real slots, from z1 + J z2.

    Args:
        engine: arithmetic.
        z: both.
        scale: of the results: twice that of z, since z + conj(z) = 2 z1 and -J (z - conj(z)) = 2 z2.
    """
    conjugate = engine.conjugate(z)
    return _first(engine, z, conjugate, scale), _second(engine, z, conjugate, scale)


def first_cube(engine: Engine, z: Ciphertext, scales: Scales, sigmoid: CubicSigmoid) -> Ciphertext:
    """Return the cube of z1, from z1 + J z2."""
    return cube(engine, _first(engine, z, engine.conjugate(z), scales.half), scales, sigmoid)


def second_cube(engine: Engine, z: Ciphertext, scales: Scales, sigmoid: CubicSigmoid) -> Ciphertext:
    """Return the cube of z2, from z1 + J z2."""
    return cube(engine, _second(engine, z, engine.conjugate(z), scales.half), scales, sigmoid)


def cube(engine: Engine, z: Ciphertext, scales: Scales, sigmoid: CubicSigmoid) -> Ciphertext:
    """Return z * (linear/k - z**2) of one half, three polynomials, read at the scale that makes it p(z) - 1/2."""
    square = engine.relinearise(engine.square(z, scales.half**2))
    square = engine.rescale(square, scales.square)
    factor = engine.add_constant(engine.negate(square), round(sigmoid.linear / -sigmoid.cubic * scales.square))
    lowered = engine.drop_to(z, engine.level(factor))
    return engine.multiply(lowered, factor, scales.cubic)


def _first(engine: Engine, z: Ciphertext, conjugate: Ciphertext, scale: float) -> Ciphertext:
    first = engine.add(z, conjugate)
    first.scale = scale
    return first


def _second(engine: Engine, z: Ciphertext, conjugate: Ciphertext, scale: float) -> Ciphertext:
    second = engine.times_unit(engine.subtract(conjugate, z))
    second.scale = scale
    return second


def _rescale_to_output(engine: Engine, value: Ciphertext, scales: Scales) -> Ciphertext:
    scale = scales.cubic
    for level in range(engine.level(value), PRODUCT_LEVEL, -1):
        scale = scales.residual if level == PRODUCT_LEVEL + 1 else scale / engine.parameters.data_primes[level]
        value = engine.rescale(value, scale)
    return value
