"""Grey images as histograms of oriented gradients (Dalal and Triggs 2005), square-rooted: the shapes of strokes.

Rules kept here:

1. Only additions, multiplications, minima, maxima and square roots, element by element: a record has the same features
   on every machine and in every batch.
2. Every choice is made for all grey images alike. None was fitted on the records that are to be mapped.

The steps, for one image with pixels between 0 and 1 and zeros around it:

- smooth with the binomial kernel (1, 2, 1) / 4 in both directions;
- central differences g = (gx, gy);
- write g = a u_k + b u_{k+1}, a, b >= 0, in the two neighbouring directions of `bins` evenly spread unit vectors u, u_0
  along the x axis. Strokes that get lighter and darker in one direction are told apart;
- add a and b up in `cells` x `cells` cells, a pixel shared between the nearest centres of cells linearly in x and in y;
- divide by the sum over the image, take square roots, subtract `centre`.

Square roots of shares have length 1 (the Hellinger kernel), so `centre` and the bias alone decide the radius. A centre
near 0.6 / sqrt(width) takes away most of what all records have in common, which would only take up length.
"""

from collections.abc import Iterator
from math import cos, pi, sin
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from secure_ds.data.feature_maps.grey_images import Side, grey_images
from secure_ds.data.feature_maps.record_map import MAX_WIDTH, Name, RecordMap
from secure_ds.data.records import FloatArray, Records


class OrientationHistograms(RecordMap):
    """Square-rooted orientation histograms of a column of square grey images with pixels 0 to 255.

    Attributes:
        column: name of the image column.
        side: pixels along an edge of an image.
        cells: cells along an edge; divides `side`.
        bins: directions of the gradient, over the full circle.
        centre: what is subtracted from every feature.
    """

    map: Literal["orientation_histograms"] = "orientation_histograms"
    version: Literal[1] = 1
    column: Name
    side: Side
    cells: Annotated[int, Field(ge=1, le=64)]
    bins: Annotated[int, Field(ge=4, le=64)]
    centre: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.side % self.cells or self.width > MAX_WIDTH:
            raise ValueError(f"cells must divide side and make at most {MAX_WIDTH} features")
        return self

    @property
    def width(self) -> int:
        """Bins of all cells."""
        return self.cells**2 * self.bins

    def features(self, records: Records) -> FloatArray:
        """Return (n, width), ordered by bin, row of cells, column of cells; all are -centre for a black image.

        Raises:
            InvalidRecords: the column is absent, of another shape, or has a pixel outside 0 to 255.
        """
        gx, gy = _gradients(_smooth(grey_images(records, self.column, self.side)))
        pooled = [_pool(_pool(part, self.cells, 1), self.cells, 2) for part in _directed(gx, gy, self.bins)]
        histograms = np.stack(pooled, axis=1).reshape(len(records), self.width)
        sums = histograms.sum(axis=1, keepdims=True)
        shares: FloatArray = np.sqrt(histograms / np.where(sums > 0, sums, 1.0)) - self.centre
        return shares


def _around(images: FloatArray) -> FloatArray:
    return np.pad(images, ((0, 0), (1, 1), (1, 1)))


def _smooth(images: FloatArray) -> FloatArray:
    wide = _around(images)
    rows = wide[:, :-2] + 2.0 * wide[:, 1:-1] + wide[:, 2:]
    smooth: FloatArray = (rows[:, :, :-2] + 2.0 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16.0
    return smooth


def _gradients(images: FloatArray) -> tuple[FloatArray, FloatArray]:
    wide = _around(images)
    return wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2], wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]


def _directed(gx: FloatArray, gy: FloatArray, bins: int) -> Iterator[FloatArray]:
    """Yield for each direction its part of every gradient: the greatest at that direction, 0 from its neighbours on."""
    step = 2.0 * pi / bins
    for k in range(bins):
        after, before = (k + 1) * step, (k - 1) * step
        from_after, from_before = gx * sin(after) - gy * cos(after), gy * cos(before) - gx * sin(before)
        yield np.maximum(np.minimum(from_after, from_before), 0.0) / sin(step)


def _pool(parts: FloatArray, cells: int, axis: int) -> FloatArray:
    """Add up along one axis; the weight of a pixel falls from 1 at the centre of a cell to 0 at that of the next."""
    size = parts.shape[axis] // cells
    margin = [(0, 0)] * parts.ndim
    margin[axis] = (size, size)
    wide = np.moveaxis(np.pad(parts, margin), axis, 0)
    pooled = np.zeros((cells, *wide.shape[1:]))
    for offset in range(-size, 2 * size):  # from the first pixel of the cell
        weight = 1.0 - abs(offset + 0.5 - size / 2) / size
        if weight > 0:
            pooled += weight * wide[size + offset : size + offset + cells * size : size]
    return np.moveaxis(pooled, 0, axis)
