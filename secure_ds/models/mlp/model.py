"""The multilayer perceptron as a torch module.

Axes: R rows, I inputs, C classes.
"""

from __future__ import annotations

import itertools

import torch
from torch import nn

from secure_ds.models.mlp.config import MlpConfig


class Mlp(nn.Module):
    """Linear layers with ReLU between them."""

    def __init__(self, config: MlpConfig) -> None:
        super().__init__()
        widths = (config.n_inputs, *config.hidden)
        self.hidden = nn.ModuleList(nn.Linear(left, right) for left, right in itertools.pairwise(widths))
        self.head = nn.Linear(widths[-1], config.n_classes)

    def forward(self, x_RI: torch.Tensor) -> torch.Tensor:
        """Return the logits, (rows, classes)."""
        for layer in self.hidden:
            x_RI = torch.relu(layer(x_RI))
        logits_RC: torch.Tensor = self.head(x_RI)
        return logits_RC
