"""One job from its order to its model."""

from __future__ import annotations

from functools import partial

import torch

from secure_ds.models.build import build_model
from secure_ds.models.registry import config_from_json
from secure_ds.trainer.auditing import open_audit
from secure_ds.trainer.channel import Channel
from secure_ds.trainer.opening import open_records
from secure_ds.trainer.order import Order
from secure_ds.trainer.progress import ProgressMeter
from secure_ds.trainer.ranks import open_engine
from secure_ds.trainer.releases import Releases
from secure_ds.trainer.session import Session
from secure_ds.training.dp.checkpoint import CheckpointSeal
from secure_ds.training.dp.loop import TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from secure_ds.training.dp.opacus_accountants import require_agreement
from secure_ds.training.dp.samplers import draw_units


def run_job(order: Order, session: Session, channel: Channel, releases: Releases) -> None:
    """Train from the order's checkpoint, or the first step, to the last; release what the order asks for.

    Raises:
        AccountantsDisagree: another library's accountants say otherwise of the plan.
        ContainerRefused, CheckpointRefused: what was handed over is not this job's.
        StopRequested, WorkerGone, ProtocolBroken: the talk ended early.
    """
    plan = order.plan
    require_agreement(plan)
    data_key = session.open_key(order.sealed_key, order.job_id, plan.digest, order.fence, order.descriptor.dataset_id)
    seal = CheckpointSeal([data_key], order.job_id, plan.digest)
    model = build_model(config_from_json(plan.model), plan.seed)
    with open_engine(plan, model, order.performance) as engine:
        records = open_records(order, data_key)
        checkpoint = None if order.checkpoint is None else seal.open(order.checkpoint)
        draw = partial(draw_units, plan.sampler, plan.facts.n_units + plan.request.canaries)
        noise = NoiseSource()
        if plan.request.canaries:
            audit = open_audit(order, model, engine, noise, draw, checkpoint)
            releases.audit = audit
            run = TrainingRun(plan, model, audit, records, audit, audit.draw, checkpoint)
        else:
            run = TrainingRun(plan, model, engine, records, noise, draw, checkpoint)
        releases.goes_on_from(run.steps_done)
        _train(run, order, channel, releases, seal, engine.device)


def _train(
    run: TrainingRun, order: Order, channel: Channel, releases: Releases, seal: CheckpointSeal, device: torch.device
) -> None:
    meter = ProgressMeter(order.plan, run.steps_done, device.type)
    while run.steps_done < order.plan.steps:
        channel.check()
        run.step()
        if (told := meter.after(run.steps_done)) is not None:
            channel.send("progress", **told)
        if run.steps_done % order.checkpoint_every == 0 or run.steps_done == order.plan.steps:
            releases.release(run, seal, device)
    releases.model(run)
