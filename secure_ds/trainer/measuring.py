"""How good a model is on records that were declared public. Private records are never measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from secure_ds.trainer.order import PublicTest
from secure_ds.training.dp.losses import row_losses
from secure_ds.training.dp.unit_records import as_inputs, as_targets

_ROWS_AT_ONCE: Final = 256


@dataclass(frozen=True)
class Measured:
    """Mean loss of the rows, and accuracy of their predictions (classes, or next tokens)."""

    loss: float
    accuracy: float


@torch.no_grad()
def measure(model: nn.Module, task: str, test: PublicTest, device: torch.device) -> Measured:
    """Return how a model does; its mode is left as it is, as no layer of ours has another in use."""
    losses, loss, right, predictions = row_losses(task), 0.0, 0, 0
    for start in range(0, len(test.inputs), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        inputs = torch.from_numpy(as_inputs(test.inputs[rows])).to(device)
        targets = torch.from_numpy(as_targets(test.targets[rows])).to(device)
        logits = model(inputs)
        loss += float(losses(logits, targets).sum())
        right += int((logits.argmax(-1) == targets).sum())
        predictions += targets.numel()
    return Measured(loss / max(1, len(test.inputs)), right / max(1, predictions))
