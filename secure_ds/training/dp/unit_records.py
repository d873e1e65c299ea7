"""Opened records by privacy unit, and the batch of a set of units.

Rules kept here:

1. A unit's rows go into a batch together, padded to the plan's rows per unit by zero rows of weight 0.
2. What a row becomes depends on that row alone.

Axes: U units, R rows of a unit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from secure_ds.training.dp.batch import Batch

Array = npt.NDArray[Any]

_PADDING: Final = -1
_PIXELS: Final = np.float32(1 / 255)


class UnitRecords:
    """All records of a job, in the trainer's memory."""

    def __init__(
        self, inputs: Array, targets: Array, units: npt.NDArray[np.int64], n_units: int, rows_per_unit: int
    ) -> None:
        """Index the records.

        Args:
            inputs: (rows, ...): float32; uint8 pixels, which become numbers from 0 to 1; or tokens of any integer type.
            targets: (rows, ...) integers.
            units: (rows,) the unit of each row, from 0.
            n_units: how many units there are.
            rows_per_unit: most rows of a unit that count; further ones never do.
        """
        self._inputs, self._targets, self._rows_per_unit = inputs, targets, rows_per_unit
        self._rows_UR = _rows_of_units(units, n_units, rows_per_unit)

    @property
    def n_units(self) -> int:
        """How many units there are."""
        return len(self._rows_UR)

    def batch(self, units: npt.NDArray[np.int64]) -> Batch:
        """Return the rows of these units, in order, on the CPU; none for no unit."""
        rows = self._rows_UR[units].reshape(-1)
        counts = rows != _PADDING
        return Batch(
            inputs=torch.from_numpy(as_inputs(_gathered(self._inputs, rows, counts))),
            targets=torch.from_numpy(as_targets(_gathered(self._targets, rows, counts))),
            weights=torch.from_numpy(counts.astype(np.float32)),
            rows_per_unit=self._rows_per_unit,
        )


def _rows_of_units(units: npt.NDArray[np.int64], n_units: int, rows_per_unit: int) -> npt.NDArray[np.int64]:
    order = np.argsort(units, kind="stable")
    counts = np.bincount(units, minlength=n_units)
    places = np.arange(len(units)) - np.repeat(np.cumsum(counts) - counts, counts)  # of each row within its unit
    taken = places < rows_per_unit
    rows_UR = np.full((n_units, rows_per_unit), _PADDING, dtype=np.int64)
    rows_UR[units[order][taken], places[taken]] = order[taken]
    return rows_UR


def _gathered(values: Array, rows: npt.NDArray[np.int64], counts: npt.NDArray[np.bool_]) -> Array:
    gathered: Array = values[rows]
    gathered[~counts] = 0
    return gathered


def as_inputs(values: Array) -> Array:
    """Return rows as models take them: pixels (uint8) as float32 from 0 to 1, other integers as int64."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) * _PIXELS
    return values if values.dtype == np.float32 else values.astype(np.int64)


def as_targets(values: Array) -> Array:
    """Return targets as losses take them, int64."""
    return values.astype(np.int64)
