"""What a rule of a layer gives, and the choice between two ways to keep a matrix's gradients.

Axes: R rows, U units, S places in a unit, I inputs, O outputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Protocol, TypeVar

import torch
from torch import nn

from secure_ds.training.dp.engine.contributions import Contribution, Factored, Instantiated

# Instantiated gradients are written once and read twice; in the time of moving one number a core multiplies this many.
_MOVE_COST: Final = 64

_CACHED_NUMBERS: Final = 2**19  # float32 that stay in a core's second-level cache, with what else is at work


LayerT = TypeVar("LayerT", bound=nn.Module, contravariant=True)


class Rule(Protocol[LayerT]):
    """How a kind of layer turns one call into gradients of units."""

    def refusal(self, layer: LayerT) -> str | None:
        """Return why the layer, as it is configured, cannot be clipped, or None."""

    def contributions(
        self, layer: LayerT, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return the gradients of the layer's trainable parameters.

        Args:
            layer: the layer.
            x: what it was called with, rows first.
            g: gradient of the summed losses with respect to what it returned, float32, rows first.
            units: privacy units; the rows of a unit stand together.
        """


def parts(rows: int, numbers: int) -> Iterator[slice]:
    """Cut rows into runs whose working copies, of `numbers` float32 in all, stay in the cache."""
    step = max(1, _CACHED_NUMBERS * rows // max(1, numbers))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def over_rows(gradients_RP: torch.Tensor, units: int) -> torch.Tensor:
    """Return gradients of rows, (rows, *shape), as gradients of units, (units, *shape)."""
    is_one = len(gradients_RP) == units
    return gradients_RP if is_one else gradients_RP.view(units, -1, *gradients_RP.shape[1:]).sum(1)


def by_unit(x: torch.Tensor, units: int) -> torch.Tensor:
    """Return (rows, ..., D) as (units, places, D), float32."""
    return x.float().reshape(units, -1, x.shape[-1])


def matrix_gradients(x_USI: torch.Tensor, g_USO: torch.Tensor) -> Factored | Instantiated:
    """Return the gradients sum_s g_s x_s^T in the form that is cheaper to clip."""
    places, n_in, n_out = x_USI.shape[1], x_USI.shape[2], g_USO.shape[2]
    factored = Factored(x_USI, g_USO)
    return factored if prefers_factors(places, n_in, n_out) else Instantiated(factored.instantiate())


def prefers_factors(places: int, n_in: int, n_out: int) -> bool:
    """Return whether Gram matrices are cheaper than instantiated gradients.

    Gram matrices take S^2 (I + O) products and a second pass over the places; instantiated gradients take as long as
    the plain gradient and I O numbers to move for each unit (Bu et al. 2022, "mixed ghost clipping").
    """
    return places * places * (n_in + n_out) < _MOVE_COST * n_in * n_out
