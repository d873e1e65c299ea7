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

    def refusal(self, layer: nn.Module) -> str | None:
        """Every Linear layer has its rule."""
        return None

    def contributions(
        self, layer: nn.Module, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[nn.Parameter, Contribution]]:
        """Return gradients of weight (outputs, inputs) and bias (outputs,)."""
        assert isinstance(layer, nn.Linear)
        x_USI, g_USO = by_unit(x, units), by_unit(g, units)
        found: list[tuple[nn.Parameter, Contribution]] = [(layer.weight, matrix_gradients(x_USI, g_USO))]
        if layer.bias is not None:
            found.append((layer.bias, Instantiated(g_USO.sum(1))))
        return found
