"""Networks of layers that ciphertexts can pass through: what they are, free of any framework.

Rules kept here:
  1. A network is its input shape, the range declared for every input number, and a list of layers. Nothing else
     influences what it computes.
  2. Shapes are checked when it is made: a network that exists can be evaluated.
  3. Every layer states the levels it uses.

Feature order is row-major: (channels, height, width), as torch flattens.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.layers.linear_map import LinearMap, convolution_map, dense_map, pooling_map
from secure_ds.ckks.layers.polynomials import Polynomial

Weights: TypeAlias = npt.NDArray[np.float32]
Shape: TypeAlias = tuple[int, ...]
MAX_FEATURES = 1 << 16


@dataclass(frozen=True, eq=False)
class Linear:
    """y = weight x + bias on a flat input.

    Attributes:
        weight: shape (out, in).
        bias: shape (out,), or None.
    """

    weight: Weights
    bias: Weights | None = None
    levels = 0

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape it makes of `shape`."""
        _require(shape == (self.weight.shape[1],), f"Linear takes ({self.weight.shape[1]},), gets {shape}")
        return (self.weight.shape[0],)

    def linear_map(self, shape: Shape, scale: int) -> LinearMap:
        """Return its weights as whole numbers over `scale`."""
        return dense_map(self.weight.astype(np.float64), scale)


@dataclass(frozen=True, eq=False)
class Conv2d:
    """Cross-correlation with zero padding, as torch.nn.Conv2d without groups or dilation.

    Attributes:
        weight: shape (out channels, in channels, height, width).
        bias: shape (out channels,), or None.
        stride: (vertical, horizontal).
        padding: (vertical, horizontal).
    """

    weight: Weights
    bias: Weights | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    levels = 0

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape it makes of `shape`."""
        channels = self.weight.shape[1]
        _require(len(shape) == 3 and shape[0] == channels, f"Conv2d takes ({channels}, H, W), gets {shape}")
        _require(
            all(p < k for p, k in zip(self.padding, self.weight.shape[2:], strict=True)), "padding reaches past it"
        )
        return (self.weight.shape[0], *_windows(shape, self.weight.shape[2:], self.stride, self.padding))

    def linear_map(self, shape: Shape, scale: int) -> LinearMap:
        """Return its weights as whole numbers over `scale`."""
        image = (shape[0], shape[1], shape[2])
        return convolution_map(self.weight.astype(np.float64), image, self.stride, self.padding, scale)


@dataclass(frozen=True)
class AveragePool2d:
    """Averages of windows of each channel; exact, since one over the window's size goes into the scale.

    Attributes:
        kernel: (height, width).
        stride: (vertical, horizontal).
    """

    kernel: tuple[int, int]
    stride: tuple[int, int]
    levels = 0

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape it makes of `shape`."""
        _require(len(shape) == 3, f"AveragePool2d takes (channels, H, W), gets {shape}")
        return (shape[0], *_windows(shape, self.kernel, self.stride, (0, 0)))

    def linear_map(self, shape: Shape, scale: int) -> LinearMap:
        """Return its weights; they bring their own scale."""
        return pooling_map((shape[0], shape[1], shape[2]), self.kernel, self.stride)


@dataclass(frozen=True)
class Flatten:
    """One axis in place of all; the order stays."""

    levels = 0

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape it makes of `shape`."""
        return (math.prod(shape),)


@dataclass(frozen=True)
class Activation:
    """A polynomial of degree 2 or more, elementwise."""

    polynomial: Polynomial

    @property
    def levels(self) -> int:
        """Levels it uses."""
        return self.polynomial.depth

    def output_shape(self, shape: Shape) -> Shape:
        """Return the shape it makes of `shape`."""
        _require(self.polynomial.degree >= 2, "an activation of degree 1 is a linear layer: write it as one")
        return shape


Layer: TypeAlias = Linear | Conv2d | AveragePool2d | Flatten | Activation


@dataclass(frozen=True, eq=False)
class Network:
    """A network and the inputs it is declared for.

    Attributes:
        input_shape: (features,) or (channels, height, width).
        low: least value of any input number.
        high: largest value of any input number.
        layers: in order.
    """

    input_shape: Shape
    low: float
    high: float
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        _require(
            math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high, "low < high, both finite"
        )
        _require(len(self.input_shape) in (1, 3) and min(self.input_shape) >= 1, "an input of one or three axes")
        _require(any(isinstance(layer, Linear | Conv2d) for layer in self.layers), "a layer with weights")
        _require(max(math.prod(shape) for shape in self.shapes) <= MAX_FEATURES, f"{MAX_FEATURES} features at most")
        _require(all(_is_sound(layer) for layer in self.layers), "finite 32-bit weights, biases that fit them")

    @property
    def shapes(self) -> list[Shape]:
        """The input's shape and that behind every layer."""
        shapes = [self.input_shape]
        for layer in self.layers:
            shapes.append(layer.output_shape(shapes[-1]))
        return shapes

    @property
    def n_inputs(self) -> int:
        """Ciphertexts of a batch."""
        return math.prod(self.input_shape)

    @property
    def n_outputs(self) -> int:
        """Ciphertexts of an answer."""
        return math.prod(self.shapes[-1])

    @property
    def levels(self) -> int:
        """Data primes that a circuit for this network needs: one for each level its layers use, and one to stand on."""
        return 1 + sum(layer.levels for layer in self.layers)


def _is_sound(layer: Layer) -> bool:
    if not isinstance(layer, Linear | Conv2d):
        return True
    arrays = [layer.weight] + ([] if layer.bias is None else [layer.bias])
    axes = 2 if isinstance(layer, Linear) else 4
    fits = layer.weight.ndim == axes and (layer.bias is None or layer.bias.shape == layer.weight.shape[:1])
    return fits and all(array.dtype == np.float32 and bool(np.isfinite(array).all()) for array in arrays)


def _windows(shape: Shape, kernel: Shape, stride: Shape, padding: Shape) -> Shape:
    axes = zip(shape[1:], kernel, stride, padding, strict=True)
    sizes = tuple((length + 2 * pad - size) // step + 1 for length, size, step, pad in axes)
    _require(
        min(stride) >= 1 and min(sizes) >= 1, f"a window of {kernel} with stride {stride} does not fit {shape[1:]}"
    )
    return sizes


def _require(condition: bool, wanted: str) -> None:
    if not condition:
        raise InvalidNetwork(f"not a network that can be evaluated: needs {wanted}")
