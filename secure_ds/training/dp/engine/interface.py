"""What an engine gives, whoever computes it.

Rules: an engine returns sums over privacy units of clipped gradients, without noise and not divided by anything; it
samples nothing and updates nothing. It refuses a model that it cannot clip before any record is used.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol

import torch
from torch import nn

from secure_ds.models.isolation import refuse_mixing
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.losses import row_losses
from secure_ds.training.dp.performance import Performance


class UnsupportedModel(ValueError):
    """The engine has no rule for a layer or its use. The message names layer and class."""

    code = "unsupported_model"


class DeviceMissing(RuntimeError):
    """The device asked for is not in this machine."""

    code = "device_missing"


class Clipping(Protocol):
    """How a unit's gradient is bounded: `secure_ds.training.dp.plan.Clipping` is one."""

    @property
    def l2_norm_clip(self) -> float:
        """The largest l2 norm of what a unit adds to the sum."""

    @property
    def kind(self) -> str:
        """`flat` or `automatic`."""


class GradientEngine(ABC):
    """Clipped sums of the gradients of a model's trainable parameters.

    Formal guarantees:
        - Adding, removing or zeroing one unit changes the returned sums, taken together as one vector, by at most
          `l2_norm_clip * (1 + 2**-11)` in l2 norm (float32 arithmetic), whatever its rows hold.
        - A unit whose gradient is not finite, or whose squared norm is not finite in float32, adds exactly zero.
        - A batch without units gives zeros.
    """

    def __init__(self, model: nn.Module, task: str, clipping: Clipping, performance: Performance) -> None:
        refuse_mixing(model)
        self._losses, self._clipping, self._performance = row_losses(task), clipping, performance
        self._device = pick_device(performance.device)
        self._model = model.to(self._device)
        self._forward = torch.compile(self._model) if performance.compile else self._model
        self._trainable = {name: each for name, each in model.named_parameters() if each.requires_grad}

    @property
    def device(self) -> torch.device:
        """Where the model lies and batches are computed."""
        return self._device

    def clipped_sum(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the sum over units of their clipped gradients, by parameter name, float32, on the engine's device.

        The gradient of a unit is that of the weighted sum of its rows' losses. A batch is computed in passes of
        `performance.micro_batch` units; the result is private: it must not leave the process without noise.
        """
        sums = {
            name: torch.zeros(each.shape, dtype=torch.float32, device=self._device)
            for name, each in self._trainable.items()
        }
        batch = batch.to(self._device)
        for start in range(0, batch.n_units, self._performance.micro_batch):
            self._add(batch.units(start, min(start + self._performance.micro_batch, batch.n_units)), sums)
        return sums

    @abstractmethod
    def _add(self, batch: Batch, sums: dict[str, torch.Tensor]) -> None:
        """Add the clipped gradients of at least one unit to the sums, in place."""

    def _row_losses(self, batch: Batch) -> torch.Tensor:
        """Run the model; return the weighted loss of each row, (rows,) float32."""
        is_low = self._performance.precision == "bfloat16"
        with torch.autocast(self._device.type, torch.bfloat16, enabled=is_low):
            outputs = self._forward(batch.inputs)
        return self._losses(outputs, batch.targets) * batch.weights


def pick_device(wanted: str) -> torch.device:
    """Return the device, CUDA for `auto` where there is one.

    Raises:
        DeviceMissing: CUDA is asked for and there is none.
    """
    has_cuda = torch.cuda.is_available()
    if wanted == "cuda" and not has_cuda:
        raise DeviceMissing("device cuda was asked for, but torch finds none; use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and has_cuda else "cpu")
