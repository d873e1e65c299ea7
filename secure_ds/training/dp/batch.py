"""The rows of one step, grouped by privacy unit.

Rules: the rows of a unit stand together, `rows_per_unit` of them; a unit with fewer is padded by rows of weight 0,
whose content must be finite numbers (zeros); a batch may have no rows at all, as a Poisson sampler may draw no unit.

Axes: R rows = units * rows_per_unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch


class InvalidBatch(ValueError):
    """The tensors of a batch do not fit each other. The message tells shapes and never a value."""

    code = "invalid_batch"


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that one step learns from.

    Attributes:
        inputs: (rows, ...).
        targets: (rows, ...).
        weights: (rows,), float32, 1 for a row that counts and 0 for padding; multiplies the row's loss.
        rows_per_unit: rows of each privacy unit.

    Raises:
        InvalidBatch: lengths differ, or are no multiple of `rows_per_unit`.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    rows_per_unit: int = 1

    def __post_init__(self) -> None:
        rows = self.weights.shape[0]
        if self.weights.shape != (rows,) or self.weights.dtype != torch.float32:
            raise InvalidBatch("weights must be one float32 number for each row")
        if self.inputs.shape[0] != rows or self.targets.shape[0] != rows:
            raise InvalidBatch(
                f"{rows} weights need as many inputs and targets, got {self.inputs.shape[0]}, {self.targets.shape[0]}"
            )
        if self.rows_per_unit < 1 or rows % self.rows_per_unit:
            raise InvalidBatch(f"{rows} rows are no multiple of {self.rows_per_unit} rows per unit")

    @property
    def n_units(self) -> int:
        """Privacy units in the batch."""
        return self.weights.shape[0] // self.rows_per_unit

    def units(self, start: int, stop: int) -> Batch:
        """Return the part with the units from `start` to before `stop`; no tensor is copied."""
        rows = slice(start * self.rows_per_unit, stop * self.rows_per_unit)
        return Batch(self.inputs[rows], self.targets[rows], self.weights[rows], self.rows_per_unit)

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device; the same tensors where they are there already."""
        inputs, targets, weights = (
            each.to(device, non_blocking=True) for each in (self.inputs, self.targets, self.weights)
        )
        return Batch(inputs, targets, weights, self.rows_per_unit)
