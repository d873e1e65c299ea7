"""The residual of the logistic loss, p(z) - 1/2 - v, on ciphertexts.

Rules kept here:
  1. One square and one product; the cubic's coefficients are folded into scales (see `scales`).
  2. An empty slot (z = v = 0) has residual 0: p is odd about 1/2, so the ragged last block needs no mask.
  3. The result is at level 1, where the product with the columns follows.
"""

from __future__ import annotations

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.layers.activation import CubicSigmoid
from secure_ds.ckks.scales import Scales

OUTPUT_LEVEL = 1


def residual(
    engine: Engine, z: Ciphertext | None, label: Ciphertext, scales: Scales, sigmoid: CubicSigmoid
) -> Ciphertext:
    """Return p(z) - 1/2 - v at level 1.

    Args:
        engine: arithmetic.
        z: the weighted sum at the top level, None for zero.
        label: v = y - 1/2 at the input scale, one level below the top.
        scales: the plan's scales.
        sigmoid: the cubic p.
    """
    shifted = engine.multiply_integer(label, -round(scales.cubic / scales.inputs), scales.cubic)
    if z is not None:
        shifted = engine.add(_cube(engine, z, scales, sigmoid), shifted)
    return _rescale_to_output(engine, shifted, scales)


def _cube(engine: Engine, z: Ciphertext, scales: Scales, sigmoid: CubicSigmoid) -> Ciphertext:
    """Return z * (linear/k - z**2) read at the scale that makes it p(z) - 1/2."""
    square = engine.relinearise(engine.square(z, scales.forward**2))
    square = engine.rescale(square, scales.square)
    factor = engine.add_constant(engine.negate(square), round(sigmoid.linear / -sigmoid.cubic * scales.square))
    lowered = engine.drop_to(z, engine.level(factor))
    return engine.relinearise(engine.multiply(lowered, factor, scales.cubic))


def _rescale_to_output(engine: Engine, value: Ciphertext, scales: Scales) -> Ciphertext:
    scale = scales.cubic
    for level in range(engine.level(value), OUTPUT_LEVEL, -1):
        scale = scales.residual if level == OUTPUT_LEVEL + 1 else scale / engine.parameters.data_primes[level]
        value = engine.rescale(value, scale)
    return value
