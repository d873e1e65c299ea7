"""Linear layers, forward and backward: whole-number combinations of values, and a constant.

Uses no level: whole-number weights multiply the scale exactly. Nothing is rescaled, nothing relinearised.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from secure_ds.ckks.layers.ladder import Ladder, lower, product
from secure_ds.ckks.layers.linear_map import LinearMap, Reals
from secure_ds.ckks.layers.tensors import Arithmetic, Scaled, T, Tensor


def affine(
    arithmetic: Arithmetic[T], x: Tensor[T], linear: LinearMap, bias: Reals | None, shape: tuple[int, ...]
) -> Tensor[T]:
    """Return linear(x) + bias under `shape`.

    Args:
        arithmetic: of the values.
        x: what it takes.
        linear: the weights.
        bias: one number per output, or None.
        shape: shape of the result.
    """
    scale = x.scale * linear.scale
    values = arithmetic.combine(x.values, linear, float(scale))
    if bias is not None:
        values = [_shifted(arithmetic, value, number, scale) for value, number in zip(values, bias, strict=True)]
    return Tensor(tuple(values), shape, x.level, scale, x.size)


def input_gradient(
    arithmetic: Arithmetic[T], gradient: Tensor[T], linear: LinearMap, shape: tuple[int, ...]
) -> Tensor[T]:
    """Return the gradient of a loss by what a linear layer took, given that by what it made.

    Raises:
        PlanRefused: a feature feeds nothing, so its gradient is zero and would be a transparent ciphertext.
    """
    return affine(arithmetic, gradient, linear.transposed(), None, shape)


def weight_gradient(
    arithmetic: Arithmetic[T], ladder: Ladder, gradient: Tensor[T], x: Tensor[T], linear: LinearMap
) -> list[Tensor[T]]:
    """Return the gradient by every weight, one (m, k) tensor per block, each value still one number per record.

    Products are added over all places that share a weight before the one relinearisation per weight. The sum over
    records is taken by whoever packs the answers (`packing`).
    """
    left = [lower(arithmetic, ladder, value) for value in gradient.each()]
    right = [lower(arithmetic, ladder, value) for value in x.each()]
    return [_block_gradient(arithmetic, left, right, index, linear) for index in range(len(linear.blocks))]


def bias_gradient(arithmetic: Arithmetic[T], gradient: Tensor[T], channels: int) -> Tensor[T]:
    """Return the gradient by the bias of each channel: the sum over its positions."""
    positions = len(gradient.values) // channels
    rows = [gradient.values[channel * positions : (channel + 1) * positions] for channel in range(channels)]
    values = tuple(_sum(arithmetic, row) for row in rows)
    return Tensor(values, (channels,), gradient.level, gradient.scale, gradient.size)


def _block_gradient(
    arithmetic: Arithmetic[T], left: Sequence[Scaled[T]], right: Sequence[Scaled[T]], index: int, linear: LinearMap
) -> Tensor[T]:
    block = linear.blocks[index]
    values, example = [], None
    for row, column in np.ndindex(*block.weights.shape):
        pairs = zip(block.outputs[:, row], block.inputs[:, column], strict=True)
        terms = [product(arithmetic, left[output], right[entry], Fraction(1)) for output, entry in pairs]
        example = terms[0]
        values.append(arithmetic.relinearise(_sum(arithmetic, [term.value for term in terms])))
    assert example is not None  # noqa: S101 - a block has a weight
    return Tensor(tuple(values), block.weights.shape, example.level, example.scale)


def _sum(arithmetic: Arithmetic[T], values: Sequence[T]) -> T:
    total = values[0]
    for value in values[1:]:
        total = arithmetic.add(total, value)
    return total


def _shifted(arithmetic: Arithmetic[T], value: T, number: float, scale: Fraction) -> T:
    integer = round(Fraction(float(number)) * scale)
    return arithmetic.add_constant(value, float(integer)) if integer else value
