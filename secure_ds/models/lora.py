"""LoRA: freeze a model, and train matrices of low rank beside its named Linear layers (Hu et al. 2022).

Rules: the base is frozen whole and keeps its weights' numbers; a target's name that matches no Linear layer is refused;
the adapted model is, before training, the same function as the base, as the second matrix starts at zero. Only the
adapters need gradients of single records: this is what makes private fine-tuning cheap.

Axes: R rows, T further positions, I inputs, O outputs, K rank.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from secure_ds.models.errors import TargetsNotFound
from secure_ds.models.lora_config import LoraConfig


class LoraLinear(nn.Module):
    """A frozen Linear layer and its adapter: W x + (alpha / rank) B A x."""

    def __init__(self, base: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__()
        self.base, self.scale = base, alpha / rank
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        nn.init.zeros_(self.up.weight)

    def forward(self, x_RTI: torch.Tensor) -> torch.Tensor:
        """Return (rows, ..., outputs)."""
        y_RTO: torch.Tensor = self.base(x_RTI) + self.scale * self.up(self.down(x_RTI))
        return y_RTO


def add_lora(model: nn.Module, config: LoraConfig) -> nn.Module:
    """Freeze a model and adapt its target layers, in place.

    Raises:
        TargetsNotFound: with the names that matched nothing; the model is then as it was.
    """
    linears = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    known = {name.rpartition(".")[2] for name in linears}
    unmatched = tuple(target for target in config.targets if target not in known)
    if unmatched:
        raise TargetsNotFound(unmatched, tuple(sorted(known)))
    model.requires_grad_(False)
    for name in linears:
        parent, _, leaf = name.rpartition(".")
        if leaf in config.targets:
            setattr(model.get_submodule(parent), leaf, LoraLinear(linears[name], config.rank, config.alpha))
    return model
