"""What the benchmarks of sealed training share: a plan's run on records at hand, and how often a model is right.

They train with `TrainingRun`, as the trainer does, without service, custody and ledger around it, which cost no
accuracy. Noise and samples are the operating system's: a result cannot be repeated to the digit.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.models.registry import config_from_json
from secure_ds.training.dp.engine import make_engine
from secure_ds.training.dp.loop import TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from secure_ds.training.dp.performance import Performance
from secure_ds.training.dp.plan import DpPlan, SealedFacts
from secure_ds.training.dp.samplers import draw_units
from secure_ds.training.dp.unit_records import UnitRecords

_ROWS = 1000  # of a pass that predicts


@dataclass(frozen=True, slots=True)
class Table:
    """Inputs, (rows, ...) float32, and classes, (rows,)."""

    inputs: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]


def record_facts(n: int, n_features: int, schema: dict[str, Any], epsilon: float, delta: float) -> SealedFacts:
    """Return what the owner of n records would have signed, for one job of (epsilon, delta)."""
    return SealedFacts(
        dataset_id="benchmark",
        descriptor_digest="0" * 64,
        n_rows=n,
        n_units=n,
        rows_per_unit=1,
        unit="record",
        schema=schema,
        n_features=n_features,
        limit_epsilon=epsilon,
        limit_delta=delta,
        orders=(2.0, 4.0, 8.0, 16.0, 32.0),
    )


def train(plan: DpPlan, rows: Table, micro_batch: int) -> tuple[nn.Module, float]:
    """Carry out a plan, one record a unit; return the model and the seconds it took."""
    start = time.perf_counter()
    model = build_model(config_from_json(plan.model), plan.seed)
    engine = make_engine("bookkeeping", model, "classify", plan.clipping, Performance(micro_batch=micro_batch))
    n = len(rows.targets)
    records = UnitRecords(rows.inputs, rows.targets, np.arange(n), n, 1)
    run = TrainingRun(plan, model, engine, records, NoiseSource(), lambda: draw_units(plan.sampler, n))
    for _ in range(plan.steps):
        run.step()
    return model, time.perf_counter() - start


def accuracy(model: nn.Module, rows: Table) -> float:
    """Return the share of rows that the model is right about, in per cent."""
    device = next(model.parameters()).device
    model.eval()
    with torch.no_grad():
        answers = [
            model(torch.from_numpy(rows.inputs[start : start + _ROWS]).to(device)).argmax(1).cpu().numpy()
            for start in range(0, len(rows.targets), _ROWS)
        ]
    return 100 * float(np.mean(np.concatenate(answers) == rows.targets))
