"""The one place that knows every engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import nn

from secure_ds.training.dp.engine.bookkeeping import BookkeepingEngine
from secure_ds.training.dp.engine.interface import Clipping, GradientEngine
from secure_ds.training.dp.engine.opacus_engines import GhostEngine, HooksEngine
from secure_ds.training.dp.performance import EngineKind, Performance

_ENGINES: Final[Mapping[str, type[GradientEngine]]] = {
    "bookkeeping": BookkeepingEngine,
    "ghost": GhostEngine,
    "hooks": HooksEngine,
}


def make_engine(
    kind: EngineKind, model: nn.Module, task: str, clipping: Clipping, performance: Performance
) -> GradientEngine:
    """Return an engine that computes clipped sums of `model`, which it moves to its device.

    Args:
        kind: ours, or one of Opacus's two.
        model: every layer with trainable parameters must be one the engine has a rule for.
        task: names the loss of a row, see `secure_ds.training.dp.losses`.
        clipping: bound and kind, from the plan.
        performance: what changes speed alone.

    Raises:
        MixesRecords: a layer lets records change each other's gradients.
        UnsupportedModel: the engine has no rule for a layer; named with its class.
        UnknownTask: there is no such loss.
        DeviceMissing: the device asked for is not there.
    """
    return _ENGINES[kind](model, task, clipping, performance)
