"""Measurements on runs that a correct engine passes and a broken one does not.

Each takes a function that makes runs and raises `AssertionError` where the engine is broken. A correct one passes with
probability at least 1 - 1e-9; with which a broken one is caught is said at each.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import torch
from scipy import stats
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.models.mlp.config import MlpConfig
from secure_ds.training.dp.checkpoint import Checkpoint
from secure_ds.training.dp.engine import make_engine
from secure_ds.training.dp.loop import AddsNoise, ClipsAndSums, TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from secure_ds.training.dp.performance import Performance
from secure_ds.training.dp.unit_records import UnitRecords
from tests.training.dp.examples import HandPlan, settings

FALSE_ALARM = 1e-9
CLIP, MULTIPLIER, NORMALISER = 0.5, 1.5, 8.0
CONFIG = MlpConfig(20, (50,), 4)
MakeRun = Callable[..., TrainingRun]


def plan(**changes: object) -> HandPlan:
    """A plan whose weights move by minus the noisy mean gradient: learning rate 1, no momentum."""
    clipping = SimpleNamespace(l2_norm_clip=CLIP, kind="flat")
    values = {"clipping": clipping, "noise_multiplier": MULTIPLIER, "normaliser": NORMALISER}
    return HandPlan(**{**values, "optimiser": settings("dp_sgd", learning_rate=1.0), **changes})


def far_records(n: int = 12) -> UnitRecords:
    """Units whose gradients are far longer than the clipping norm, all in one direction."""
    inputs = np.full((n, CONFIG.n_inputs), 30.0, dtype=np.float32)
    return UnitRecords(inputs, np.zeros(n, dtype=np.int64), np.arange(n), n, 1)


def honest_run(
    units: Sequence[int] = (),
    noise: AddsNoise | None = None,
    engine: Callable[[nn.Module], ClipsAndSums] | None = None,
    checkpoint: Checkpoint | None = None,
) -> TrainingRun:
    """A run of the product's own engine and noise, where they are not replaced."""
    model = build_model(CONFIG, 1)
    made = honest_engine(model) if engine is None else engine(model)
    drawn = np.array(units, dtype=np.int64)
    return TrainingRun(plan(), model, made, far_records(), noise or NoiseSource(), lambda: drawn, checkpoint)


def honest_engine(model: nn.Module) -> ClipsAndSums:
    return make_engine("bookkeeping", model, CONFIG.task, plan().clipping, Performance(device="cpu"))


class Silence:
    """No noise: what a measurement of the sum alone needs, and a broken engine."""

    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        return sums


def movement(run: TrainingRun) -> torch.Tensor:
    """Take one step; return how all weights moved, as one vector."""
    before = torch.cat([each.detach().flatten().clone() for each in run.model.parameters()])
    run.step()
    return torch.cat([each.detach().flatten() for each in run.model.parameters()]) - before


def noise_has_its_scale(make: MakeRun) -> None:
    """The noise of 10 steps without units has the plan's variance. Half the scale, none, or twice is caught for sure:
    the chi-squared statistic is then off by more than 30 standard deviations."""
    moved = torch.cat([movement(make()) for _ in range(10)]).double()
    statistic = float((moved * NORMALISER / (MULTIPLIER * CLIP)).square().sum())
    low, high = stats.chi2.ppf(FALSE_ALARM / 2, len(moved)), stats.chi2.isf(FALSE_ALARM / 2, len(moved))
    assert low < statistic < high, "the noise has not the variance of the plan"


def units_are_clipped(make: MakeRun) -> None:
    """One far unit moves the weights by the clipping norm over the normaliser, no further. Certain: without noise."""
    assert movement(make(units=[0], noise=Silence())).norm() <= CLIP / NORMALISER * 1.0001, "a unit is not clipped"


def the_normaliser_is_the_plans(make: MakeRun) -> None:
    """Units that pull in one direction move the weights in proportion to their number, whatever it is. Certain."""
    for units in ([0], [1, 2, 3], list(range(12))):
        moved = float(movement(make(units=units, noise=Silence())).norm())
        expected = len(units) * CLIP / NORMALISER
        assert abs(moved / expected - 1) < 1e-3, "sums are not divided by the plan's normaliser"


def noise_is_fresh_on_resume(make: MakeRun) -> None:
    """Two runs from one checkpoint draw independent noise; drawing it again is caught for sure."""
    checkpoint = make().checkpoint()
    first, second = (movement(make(checkpoint=checkpoint)).double() for _ in range(2))
    scale = (MULTIPLIER * CLIP / NORMALISER) ** 2
    correlation = float((first * second).mean()) / scale * np.sqrt(len(first))
    assert abs(correlation) < stats.norm.isf(FALSE_ALARM / 2), "noise was drawn again on resume"
