"""Forms that a parameter's gradients of all units can be kept in until their clipping factors are known.

Rules:
  1. Each form knows its squared norms (units,) and its weighted sum; both are float32.
  2. A unit's numbers never enter another unit's norm; in the weighted sum they are multiplied by its own factor only.
  3. `drop` makes the named units exact zeros, so that what is not finite cannot reach the sum as 0 * inf.

| form | keeps | squared norm | weighted sum |
|---|---|---|---|
| `Instantiated` | the gradients themselves | sum of squares | one product with the factors |
| `Factored` | inputs and output gradients of a linear map | Gram matrices (Li et al. 2022) | one product |
| `Scattered` | ids and output gradients of an embedding | Gram matrix where ids agree | one scatter |
| `Tied` | the last two, of one matrix | both, and their cross term | both |

Axes: U units, S places in a unit (its rows, and their tokens or pixels), I inputs, O outputs, V ids, D width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import torch

# What float32 Gram matrices may lose: a few roundings of a sum whose terms add up to the square of sum |x_s| |g_s|.
_GRAM_ROUNDING: Final = 4 * 2.0**-24
_CROSS_ROUNDING: Final = 16 * 2.0**-24  # of |E|^2 + |H|^2


class Contribution(Protocol):
    """One parameter's gradients of all units."""

    def squared_norms(self) -> torch.Tensor:
        """Return (units,)."""

    def drop(self, units_U: torch.Tensor) -> None:
        """Make the gradients of the units where the mask is true zero."""

    def add_to(self, total: torch.Tensor, factors_U: torch.Tensor) -> None:
        """Add the sum of factor times gradient to `total`, which has the parameter's shape."""


@dataclass(slots=True)
class Instantiated:
    """Gradients as they are, (units, *shape)."""

    gradients: torch.Tensor

    def squared_norms(self) -> torch.Tensor:
        """Return the sums of squares."""
        norms_U: torch.Tensor = torch.linalg.vector_norm(self.gradients.flatten(1), dim=1)
        return norms_U.square()

    def drop(self, units_U: torch.Tensor) -> None:
        """Overwrite them."""
        self.gradients[units_U] = 0.0

    def add_to(self, total: torch.Tensor, factors_U: torch.Tensor) -> None:
        """Add one product of a vector with a matrix."""
        total.view(-1).addmv_(self.gradients.flatten(1).t(), factors_U)


@dataclass(slots=True)
class Factored:
    """Gradients sum_s g_s x_s^T of a matrix (outputs, inputs)."""

    inputs: torch.Tensor
    outputs: torch.Tensor

    def squared_norms(self) -> torch.Tensor:
        """Return sum_st (x_s . x_t) (g_s . g_t), raised by what rounding may have taken from it."""
        grams_USS = _gram(self.inputs), _gram(self.outputs)
        return _raised((grams_USS[0] * grams_USS[1]).sum((1, 2)), *grams_USS)

    def drop(self, units_U: torch.Tensor) -> None:
        """Overwrite both sides, in copies: others may hold the same inputs."""
        keep = ~units_U[:, None, None]
        self.inputs = torch.where(keep, self.inputs, 0.0)
        self.outputs = torch.where(keep, self.outputs, 0.0)

    def add_to(self, total: torch.Tensor, factors_U: torch.Tensor) -> None:
        """Add one product over all places of all units."""
        weighted_USO = self.outputs * factors_U[:, None, None]
        total.view(weighted_USO.shape[2], -1).addmm_(weighted_USO.flatten(0, 1).t(), self.inputs.flatten(0, 1))

    def instantiate(self) -> torch.Tensor:
        """Return the gradients, (units, outputs, inputs)."""
        return torch.bmm(self.outputs.transpose(1, 2), self.inputs)


@dataclass(slots=True)
class Scattered:
    """Gradients of a table (ids, width): row v is the sum of the output gradients where id v stood."""

    ids: torch.Tensor
    outputs: torch.Tensor

    def squared_norms(self) -> torch.Tensor:
        """Return sum_st [id_s = id_t] (g_s . g_t), raised by what rounding may have taken from it."""
        same_USS = (self.ids[:, :, None] == self.ids[:, None, :]).to(self.outputs.dtype)
        gram_USS = _gram(self.outputs)
        return _raised((same_USS * gram_USS).sum((1, 2)), gram_USS, same_USS)

    def drop(self, units_U: torch.Tensor) -> None:
        """Overwrite the output gradients."""
        self.outputs = torch.where(~units_U[:, None, None], self.outputs, 0.0)

    def add_to(self, total: torch.Tensor, factors_U: torch.Tensor) -> None:
        """Add one scatter over all places of all units."""
        weighted_USD = self.outputs * factors_U[:, None, None]
        total.index_add_(0, self.ids.flatten(), weighted_USD.flatten(0, 1))

    def scatter_into(self, gradients_UVD: torch.Tensor) -> None:
        """Add the gradients to instantiated ones, in place."""
        units, n_ids = gradients_UVD.shape[:2]
        offsets_U = torch.arange(units, device=self.ids.device) * n_ids
        rows = (self.ids + offsets_U[:, None]).flatten()
        gradients_UVD.view(units * n_ids, -1).index_add_(0, rows, self.outputs.flatten(0, 1))


@dataclass(slots=True)
class Tied:
    """Gradients of one matrix that is both an embedding's table and an output head's weight."""

    table: Scattered
    head: Factored

    def squared_norms(self) -> torch.Tensor:
        """Return |E|^2 + |H|^2 + 2 <E, H>, raised by what rounding may take where they cancel.

        <E, H> = sum_st (e_s . x_t) h_t[id_s].
        """
        cross_USS = torch.bmm(self.table.outputs, self.head.inputs.transpose(1, 2))
        ids_UTS = self.table.ids[:, None, :].expand(-1, self.head.outputs.shape[1], -1)
        picked_UTS = self.head.outputs.gather(2, ids_UTS)
        cross_U = (cross_USS * picked_UTS.transpose(1, 2)).sum((1, 2))
        apart_U = self.table.squared_norms() + self.head.squared_norms()
        return (apart_U + 2 * cross_U).clamp(min=0) + _CROSS_ROUNDING * apart_U

    def drop(self, units_U: torch.Tensor) -> None:
        """Drop them from both uses."""
        self.table.drop(units_U)
        self.head.drop(units_U)

    def add_to(self, total: torch.Tensor, factors_U: torch.Tensor) -> None:
        """Add both uses."""
        self.table.add_to(total, factors_U)
        self.head.add_to(total, factors_U)


def _gram(x_USD: torch.Tensor) -> torch.Tensor:
    return torch.bmm(x_USD, x_USD.transpose(1, 2))


def _raised(squares_U: torch.Tensor, left_USS: torch.Tensor, right_USS: torch.Tensor) -> torch.Tensor:
    diagonals = (each.diagonal(dim1=1, dim2=2).clamp(min=0).sqrt() for each in (left_USS, right_USS))
    bounds_US = next(diagonals) * next(diagonals)
    return squares_U.clamp(min=0) + _GRAM_ROUNDING * bounds_US.sum(1).square()
