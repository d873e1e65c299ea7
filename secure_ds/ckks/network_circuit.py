"""The forward pass of a whole network, over any arithmetic: ciphertexts, numbers or bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secure_ds.ckks.layers.affine import affine
from secure_ds.ckks.layers.ladder import Ladder, lower
from secure_ds.ckks.layers.linear_map import LinearMap, Reals
from secure_ds.ckks.layers.polynomial_layer import activate
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.layers.tensors import Arithmetic, T, Tensor, gather
from secure_ds.ckks.network import Activation, Conv2d, Flatten, Layer, Linear, Network, Shape


@dataclass(frozen=True, eq=False)
class AffineStep:
    """A layer with weights.

    Attributes:
        linear: weights as whole numbers.
        bias: one number per output, or None.
        shape: shape of what it makes.
    """

    linear: LinearMap
    bias: Reals | None
    shape: Shape


@dataclass(frozen=True)
class ReshapeStep:
    """A layer that changes the shape alone."""

    shape: Shape


Step = AffineStep | ReshapeStep | Polynomial


def compile_network(network: Network, weight_bits: int) -> tuple[Step, ...]:
    """Return the steps of a network, its weights whole numbers over 2**weight_bits."""
    pairs = zip(network.layers, network.shapes[:-1], strict=True)
    return tuple(_compiled(layer, shape, 1 << weight_bits) for layer, shape in pairs)


def forward(arithmetic: Arithmetic[T], ladder: Ladder, steps: tuple[Step, ...], x: Tensor[T]) -> Tensor[T]:
    """Return what the network makes of `x`: two polynomials per output, lowered by the ladder's rule."""
    x = through(arithmetic, ladder, steps, x)
    return gather([lower(arithmetic, ladder, value) for value in x.each()], x.shape)


def through(arithmetic: Arithmetic[T], ladder: Ladder, steps: tuple[Step, ...], x: Tensor[T]) -> Tensor[T]:
    """Return what the layers make of `x`, as it leaves the last one."""
    for step in steps:
        x = _applied(arithmetic, ladder, step, x)
    return x


def _applied(arithmetic: Arithmetic[T], ladder: Ladder, step: Step, x: Tensor[T]) -> Tensor[T]:
    if isinstance(step, AffineStep):
        return affine(arithmetic, x, step.linear, step.bias, step.shape)
    if isinstance(step, ReshapeStep):
        return x.reshaped(step.shape)
    return activate(arithmetic, ladder, x, step)


def _compiled(layer: Layer, shape: Shape, scale: int) -> Step:
    if isinstance(layer, Flatten):
        return ReshapeStep(layer.output_shape(shape))
    if isinstance(layer, Activation):
        return layer.polynomial
    output = layer.output_shape(shape)
    bias = layer.bias if isinstance(layer, Linear | Conv2d) else None
    spread = None if bias is None else np.repeat(bias.astype(np.float64), int(np.prod(output[1:])))
    return AffineStep(layer.linear_map(shape, scale), spread, output)
