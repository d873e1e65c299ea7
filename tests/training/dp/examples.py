"""A tiny model, an engine that clips sample by sample, and plans by hand: what the loop's tests run on."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.unit_records import UnitRecords


@dataclass
class HandPlan:
    """The fields of a plan that a run reads."""

    steps: int = 5
    noise_multiplier: float = 2.0
    normaliser: float = 10.0
    clipping: Any = field(default_factory=lambda: SimpleNamespace(l2_norm_clip=0.5, kind="flat"))
    optimiser: Any = field(default_factory=lambda: settings("dp_sgd"))


def settings(kind: str, **changes: Any) -> SimpleNamespace:
    values = {"kind": kind, "learning_rate": 0.1, "momentum": 0.0, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0}
    return SimpleNamespace(**{**values, "schedule": "constant", "warmup_steps": 0, **changes})


class PerSampleEngine:
    """One backward pass for each unit: slow, and plainly right."""

    def __init__(self, model: nn.Module, clip: float) -> None:
        self.model, self.clip = model, clip

    def clipped_sum(self, batch: Batch) -> dict[str, torch.Tensor]:
        names = [name for name, each in self.model.named_parameters() if each.requires_grad]
        sums = {name: torch.zeros_like(self.model.get_parameter(name)) for name in names}
        for unit in range(batch.n_units):
            part = batch.units(unit, unit + 1)
            losses = nn.functional.cross_entropy(self.model(part.inputs), part.targets, reduction="none")
            gradients = torch.autograd.grad((losses * part.weights).sum(), [self.model.get_parameter(n) for n in names])
            norm = torch.sqrt(sum((each**2).sum() for each in gradients))
            for name, each in zip(names, gradients, strict=True):
                sums[name] += each * min(1.0, self.clip / float(norm))
        return sums


def linear_model() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Linear(4, 3)


def records(n: int = 40) -> UnitRecords:
    random = np.random.default_rng(5)
    inputs = random.standard_normal((n, 4)).astype(np.float32)
    return UnitRecords(inputs, random.integers(0, 3, n), np.arange(n), n, 1)
