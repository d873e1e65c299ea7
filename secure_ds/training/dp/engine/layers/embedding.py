"""Embeddings: a table's rows, picked by ids.

Axes: U units, S places in a unit, V ids, D width.
"""

from __future__ import annotations

import torch
from torch import nn

from secure_ds.training.dp.engine.contributions import Contribution, Scattered
from secure_ds.training.dp.engine.layers.rule import by_unit


class EmbeddingRule:
    """y = W[id]."""

    def refusal(self, layer: nn.Embedding) -> str | None:
        """Refuse what changes the table in the forward pass, or weighs gradients by counts over the batch."""
        if layer.max_norm is not None:
            return "max_norm rewrites rows by what the batch holds"
        if layer.scale_grad_by_freq:
            return "scale_grad_by_freq divides by counts over all records"
        return None

    def contributions(
        self, layer: nn.Embedding, x: torch.Tensor, g: torch.Tensor, units: int
    ) -> list[tuple[torch.Tensor, Contribution]]:
        """Return gradients of the table (ids, width); the padding id's row has none."""
        ids_US, g_USD = x.reshape(units, -1), by_unit(g, units)
        if layer.padding_idx is not None:
            g_USD = torch.where((ids_US == layer.padding_idx)[:, :, None], 0.0, g_USD)
        return [(layer.weight, Scattered(ids_US, g_USD))]
