"""The convolutional network as a torch module.

Rules: normalisation is per record (GroupNorm), never BatchNorm: one record's gradient depends on no other record.

Axes: R rows, C channels, H height, W width, K classes.
"""

from __future__ import annotations

import itertools
from math import gcd
from typing import Final

import torch
from torch import nn

from secure_ds.models.cnn.config import CnnConfig

_GROUPS: Final = 8


class Cnn(nn.Module):
    """Blocks of convolution, GroupNorm, ReLU and average pooling; then one linear layer."""

    def __init__(self, config: CnnConfig) -> None:
        super().__init__()
        channels = (config.channels, *config.widths)
        self.blocks = nn.ModuleList(_block(left, right) for left, right in itertools.pairwise(channels))
        self.head = nn.Linear(config.n_features, config.n_classes)

    def forward(self, x_RCHW: torch.Tensor) -> torch.Tensor:
        """Return the logits, (rows, classes)."""
        for block in self.blocks:
            x_RCHW = block(x_RCHW)
        logits_RK: torch.Tensor = self.head(x_RCHW.flatten(1))
        return logits_RK


def _block(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1),
        nn.GroupNorm(gcd(n_out, _GROUPS), n_out),
        nn.ReLU(),
        nn.AvgPool2d(2),
    )
