"""The canary audit of a job that asked for one, from its first step or from a checkpoint."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from secure_ds.trainer.order import Order
from secure_ds.training.dp.canaries import CanaryAudit, flip_coins
from secure_ds.training.dp.checkpoint import Checkpoint
from secure_ds.training.dp.engine import make_engine
from secure_ds.training.dp.loop import AddsNoise, ClipsAndSums, DrawUnits


def open_audit(
    order: Order,
    model: nn.Module,
    engine: ClipsAndSums,
    noise: AddsNoise,
    draw: DrawUnits,
    checkpoint: Checkpoint | None,
) -> CanaryAudit:
    """Place the plan's canaries; with a checkpoint, under its coins and with its scores.

    Args:
        order: the job.
        model: of the run.
        engine: of the run.
        noise: of the run.
        draw: of the run, over records and canaries.
        checkpoint: where the run goes on.

    Raises:
        TooManyCanaries: the model has fewer numbers.
    """
    plan = order.plan
    alone = replace(order.performance, processes=1)
    audit = CanaryAudit(
        plan,
        {name: each for name, each in model.named_parameters() if each.requires_grad},
        engine,
        lambda probe: make_engine(alone.engine, probe, "classify", plan.clipping, alone),
        noise,
        draw,
        plan.facts.n_units,
        flip_coins(plan.request.canaries) if checkpoint is None else checkpoint.audit["included"].numpy(),
    )
    if checkpoint is not None:
        audit.scores = checkpoint.audit["scores"].numpy().copy()
    return audit
