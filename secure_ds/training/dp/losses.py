"""One loss per row.

Rules: the loss of a row is a function of that row alone: no mean over the batch, no weight that depends on other rows.
Losses are float32 whatever the precision of the model's outputs.

Axes: R rows, T tokens, C classes or vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

import torch
from torch.nn.functional import cross_entropy

Task = Literal["classify", "causal_lm"]
RowLosses = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

IGNORED: Final = -100  # a target that does not count, as in torch's cross entropy


class UnknownTask(ValueError):
    """There is no loss for this task."""

    code = "unknown_task"


def row_losses(task: str) -> RowLosses:
    """Return the loss of a task: a function of logits and targets that gives (rows,) float32.

    | task | logits | targets | loss of a row |
    |---|---|---|---|
    | `classify` | (R, C) | (R,) class | cross entropy |
    | `causal_lm` | (R, T, C) | (R, T): the token after each input | mean cross entropy of its tokens that count |

    A target of `IGNORED` does not count; a row in which none counts has loss 0.

    Raises:
        UnknownTask: it is neither.
    """
    if task not in _LOSSES:
        raise UnknownTask(f"task must be one of {', '.join(_LOSSES)}, got {task!r}")
    return _LOSSES[task]


def _classify(logits_RC: torch.Tensor, targets_R: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits_RC.float(), targets_R, reduction="none", ignore_index=IGNORED)


def _causal_lm(logits_RTC: torch.Tensor, targets_RT: torch.Tensor) -> torch.Tensor:
    losses_RT = cross_entropy(
        logits_RTC.float().flatten(0, 1), targets_RT.flatten(), reduction="none", ignore_index=IGNORED
    ).view(targets_RT.shape)
    counts_R = (targets_RT != IGNORED).sum(1).clamp(min=1)
    return losses_RT.sum(1) / counts_R


_LOSSES: Final[Mapping[str, RowLosses]] = {"classify": _classify, "causal_lm": _causal_lm}
