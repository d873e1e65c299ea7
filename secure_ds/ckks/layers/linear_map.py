"""Linear maps between feature-major tensors: matrices of whole numbers that know where they are shared.

Rules kept here:
  1. A map is a list of blocks; a block is one small matrix applied at many places. A dense layer is one block at one
     place, a convolution one block at every position, so neither builds the matrix with all its zeros.
  2. Every output belongs to exactly one place of one block, and every row has a weight other than zero: a row of zeros
     would make a ciphertext that hides nothing.
  3. Real weights w are held as whole numbers round(w * scale), with the real ones beside them, so that whoever proves
     error bounds knows the rounding of every weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import PlanRefused

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Block:
    """One matrix at many places.

    Attributes:
        weights: real weights, shape (m, k).
        inputs: which k inputs each place reads, shape (places, k).
        outputs: which m outputs each place writes, shape (places, m).
    """

    weights: Reals
    inputs: Indices
    outputs: Indices


@dataclass(frozen=True, eq=False)
class LinearMap:
    """A linear map whose weights are whole numbers over a common scale.

    Attributes:
        blocks: see `Block`.
        n_inputs: length of what it takes.
        n_outputs: length of what it makes.
        scale: whole number by which weights are multiplied before they are rounded.
    """

    blocks: tuple[Block, ...]
    n_inputs: int
    n_outputs: int
    scale: int

    def __post_init__(self) -> None:
        written = np.sort(np.concatenate([block.outputs.ravel() for block in self.blocks]))
        if not np.array_equal(written, np.arange(self.n_outputs)):
            raise ValueError("every output must belong to exactly one place")

    @cached_property
    def integers(self) -> tuple[Reals, ...]:
        """The whole numbers of each block, as doubles of shape (m, k).

        Raises:
            PlanRefused: a row has no weight that is not rounded to zero (``"dead_output"``).
        """
        rounded = tuple(np.rint(block.weights * self.scale) for block in self.blocks)
        for block, whole in zip(self.blocks, rounded, strict=True):
            dead = np.flatnonzero(~whole.any(axis=1))
            if dead.size:
                output = int(block.outputs[0, dead[0]])
                raise PlanRefused(
                    "dead_output", f"all weights of output {output} round to zero at scale {self.scale}; remove it"
                )
        return rounded

    def places(self) -> Iterator[tuple[int, Indices, Indices]]:
        """Yield (block, inputs, outputs) of every place."""
        for index, block in enumerate(self.blocks):
            for inputs, outputs in zip(block.inputs, block.outputs, strict=True):
                yield index, inputs, outputs

    def apply(self, values: Reals, matrices: tuple[Reals, ...]) -> Reals:
        """Apply `matrices`, one (m, k) per block, to (n_inputs, ...) values; gives (n_outputs, ...)."""
        result = np.empty((self.n_outputs, *values.shape[1:]))
        for block, matrix in zip(self.blocks, matrices, strict=True):
            result[block.outputs] = np.matmul(matrix, values[block.inputs].reshape(*block.inputs.shape, -1)).reshape(
                *block.outputs.shape, *values.shape[1:]
            )
        return result

    def transposed(self) -> LinearMap:
        """Return the transpose, as one dense block: the map of a backward pass.

        Raises:
            PlanRefused: an input feeds nothing, so its gradient is zero (``"dead_output"``).
        """
        dense = np.zeros((self.n_inputs, self.n_outputs))
        for index, inputs, outputs in self.places():
            dense[np.ix_(inputs, outputs)] = self.blocks[index].weights.T
        return dense_map(dense, self.scale)


def dense_map(weights: Reals, scale: int) -> LinearMap:
    """Return the map of an (m, k) matrix."""
    m, k = weights.shape
    return LinearMap((Block(weights, np.arange(k)[None], np.arange(m)[None]),), k, m, scale)


def convolution_map(
    weights: Reals, image: tuple[int, int, int], stride: tuple[int, int], padding: tuple[int, int], scale: int
) -> LinearMap:
    """Return the map of a convolution (cross-correlation, as torch has it); the padding is zero.

    Args:
        weights: shape (out channels, in channels, kernel height, kernel width).
        image: (channels, height, width) of the input.
        stride: (vertical, horizontal).
        padding: rows and columns of zeros on every side.
        scale: scale of the weights.
    """
    taps = _taps(weights.shape[2:], image, stride, padding)
    places, patterns = taps.shape[0], taps >= 0
    channel_step = image[1] * image[2]
    outputs = np.arange(places)[:, None] + np.arange(weights.shape[0]) * places
    blocks = []
    for pattern in np.unique(patterns, axis=0):
        chosen = np.flatnonzero((patterns == pattern).all(axis=1))
        near = taps[chosen][:, pattern]
        inputs = (near[:, None, :] + (np.arange(image[0]) * channel_step)[:, None]).reshape(chosen.size, -1)
        kernel = weights.reshape(*weights.shape[:2], -1)[:, :, pattern].reshape(weights.shape[0], -1)
        blocks.append(Block(kernel, inputs, outputs[chosen]))
    return LinearMap(tuple(blocks), int(np.prod(image)), outputs.size, scale)


def pooling_map(image: tuple[int, int, int], kernel: tuple[int, int], stride: tuple[int, int]) -> LinearMap:
    """Return the map that averages windows of each channel: weights of one over a scale of the window's size."""
    taps = _taps(kernel, image, stride, (0, 0))
    channels = np.arange(image[0])[:, None, None] * (image[1] * image[2])
    inputs = (taps[None] + channels).reshape(-1, taps.shape[1])
    size = taps.shape[1]
    outputs = np.arange(inputs.shape[0])[:, None]
    return LinearMap((Block(np.full((1, size), 1 / size), inputs, outputs),), int(np.prod(image)), outputs.size, size)


def _taps(
    kernel: tuple[int, ...], image: tuple[int, int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> Indices:
    """Return which pixel each position reads for each tap, shape (positions, taps); -1 in the padding."""
    axes = []
    for size, length, step, pad in zip(kernel, image[1:], stride, padding, strict=True):
        starts = np.arange(0, length + 2 * pad - size + 1, step) - pad
        read = starts[:, None] + np.arange(size)
        axes.append(np.where((read >= 0) & (read < length), read, -1))
    rows, columns = axes[0][:, None, :, None], axes[1][None, :, None, :]
    pixel = np.where((rows >= 0) & (columns >= 0), rows * image[2] + columns, -1)
    return pixel.reshape(-1, kernel[0] * kernel[1])
