"""One run of a plan, with an engine that clips sample by sample."""

import numpy as np
import pytest
import torch

from secure_ds.training.dp.loop import PlanExhausted, TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from tests.training.dp.examples import HandPlan, PerSampleEngine, linear_model, records


class NoNoise:
    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        return sums


def run(plan: HandPlan, units: list[int], noise: object | None = None) -> TrainingRun:
    model = linear_model()
    engine = PerSampleEngine(model, plan.clipping.l2_norm_clip)
    return TrainingRun(plan, model, engine, records(), noise or NoiseSource(), lambda: np.array(units, dtype=np.int64))


def test_a_step_is_the_clipped_sum_over_the_plans_constant() -> None:
    plan = HandPlan()
    training = run(plan, [3, 7, 11], NoNoise())
    before = training.model.weight.detach().clone()
    expected = PerSampleEngine(training.model, 0.5).clipped_sum(records().batch(np.array([3, 7, 11])))["weight"]
    training.step()
    torch.testing.assert_close(training.model.weight.detach(), before - 0.1 * expected / 10)


def test_an_empty_batch_is_a_step_and_adds_noise() -> None:
    training = run(HandPlan(), [])
    before = training.model.weight.detach().clone()
    training.step()
    assert training.steps_done == 1
    assert (training.model.weight != before).all()


def test_no_step_beyond_the_plan() -> None:
    training = run(HandPlan(steps=2), [1])
    training.step()
    training.step()
    with pytest.raises(PlanExhausted):
        training.step()
