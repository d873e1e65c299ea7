"""Linear layers: rows of vectors, or rows of any number of vectors.

Axes: U units, S places in a unit, I inputs, O outputs.
"""

from __future__ import annotations

import torch
from torch import nn

from secure_ds.training.dp.engine.contributions import Contribution, Instantiated
from secure_ds.training.dp.engine.layers.rule import by_unit, matrix_gradients


class LinearRule:
    """y = W x + b."""

    def refusal(self, layer: nn.Linear) -> str | None:
        """Every Linear layer has its rule."""
        return None

    def contributions(
        self, layer: nn.Linear, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of weight (outputs, inputs) and bias (outputs,)."""
        x_USI, g_USO = by_unit(x, units), by_unit(g, units)
        found: list[tuple[torch.Tensor, Contribution]] = [(layer.weight, matrix_gradients(x_USI, g_USO))]
        if layer.bias is not None:
            found.append((layer.bias, Instantiated(g_USO.sum(1))))
        return found
