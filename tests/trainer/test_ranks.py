"""Two processes on one CPU: the sums of one, noise once, and a lost process loses the step."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.trainer import ranks
from secure_ds.trainer.ranks import open_engine
from secure_ds.training.dp import distributed
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.distributed import DistributedEngine, RankLost, RankSetup, serve_rank
from secure_ds.training.dp.loop import TrainingRun
from secure_ds.training.dp.noise.source import NoiseSource
from secure_ds.training.dp.performance import Performance
from tests.training.dp import evidence
from tests.training.dp.evidence import CLIP, CONFIG, MULTIPLIER, Silence, honest_engine, plan

ALONE = Performance(device="cpu", micro_batch=4)
TOGETHER = Performance(device="cpu", micro_batch=4, processes=2)
PLAN = SimpleNamespace(model=CONFIG.to_json(), seed=1, clipping=plan().clipping, facts=SimpleNamespace(rows_per_unit=1))


def batch(units: int) -> Batch:
    generator = torch.Generator().manual_seed(units)
    inputs = torch.randn(units, CONFIG.n_inputs, generator=generator)
    return Batch(inputs, torch.randint(0, CONFIG.n_classes, (units,), generator=generator), torch.ones(units))


class NoisyEngine:
    """An engine that adds noise of its own: what no rank may have."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def clipped_sum(self, given: Batch) -> dict[str, torch.Tensor]:
        return NoiseSource().add_noise(self._engine.clipped_sum(given), MULTIPLIER * CLIP)


def noisy_rank(setup: RankSetup) -> None:
    make = distributed.make_engine
    distributed.make_engine = lambda *given: NoisyEngine(make(*given))
    serve_rank(setup)


@contextmanager
def second_process(life: Callable[[RankSetup], None], engine: Any, model: nn.Module, directory: Path) -> Iterator[Any]:
    """This process as rank 0, and another that lives as told as rank 1."""
    meeting = f"file://{directory / 'meeting'}"
    setup = RankSetup(PLAN.model, 1, CLIP, "flat", asdict(ALONE), 1, meeting, 2, 1)
    process = multiprocessing.get_context("spawn").Process(target=life, args=(setup,), daemon=True)
    process.start()
    shared = DistributedEngine(engine, model, meeting, 2)
    try:
        yield shared, process
    finally:
        shared.close()
        process.join(20)
        process.kill()


def runs(shared: Any, model: nn.Module, noise: object) -> Callable[[], TrainingRun]:
    nobody = np.array([], dtype=np.int64)
    return lambda: TrainingRun(plan(), model, shared, evidence.far_records(), noise, lambda: nobody)


class TestTwoProcesses:
    """One pair of processes for all of these: torch.distributed has one group at a time."""

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> nn.Module:
        return build_model(CONFIG, 1)

    @pytest.fixture(scope="class")
    @classmethod
    def together(cls, model: nn.Module) -> Iterator[DistributedEngine]:
        with open_engine(PLAN, model, TOGETHER) as engine:
            yield engine

    @pytest.mark.parametrize("units", [0, 1, 2, 7, 40])
    def test_the_sums_are_those_of_one(self, together: DistributedEngine, model: nn.Module, units: int) -> None:
        expected, found = honest_engine(model).clipped_sum(batch(units)), together.clipped_sum(batch(units))
        for name, each in expected.items():
            torch.testing.assert_close(found[name], each, rtol=1e-5, atol=1e-6)

    def test_weights_that_changed_reach_both(self, together: DistributedEngine, model: nn.Module) -> None:
        before = together.clipped_sum(batch(7))
        with torch.no_grad():
            for each in model.parameters():
                each.mul_(1.5)
        expected, found = honest_engine(model).clipped_sum(batch(7)), together.clipped_sum(batch(7))
        for name, each in expected.items():
            torch.testing.assert_close(found[name], each, rtol=1e-5, atol=1e-6)
        assert any(not torch.allclose(before[name], found[name]) for name in found)

    def test_noise_is_added_once(self, together: DistributedEngine, model: nn.Module) -> None:
        evidence.noise_has_its_scale(runs(together, model, NoiseSource()))

    def test_noise_added_by_none_is_caught(self, together: DistributedEngine, model: nn.Module) -> None:
        with pytest.raises(AssertionError, match="variance"):
            evidence.noise_has_its_scale(runs(together, model, Silence()))


def test_noise_added_by_both_is_caught(tmp_path: Path) -> None:
    model = build_model(CONFIG, 1)
    with (
        second_process(noisy_rank, honest_engine(model), model, tmp_path) as (shared, _),
        pytest.raises(AssertionError, match="variance"),
    ):
        evidence.noise_has_its_scale(runs(shared, model, NoiseSource()))


def test_a_process_that_dies_loses_the_step(tmp_path: Path) -> None:
    model = build_model(CONFIG, 1)
    with second_process(serve_rank, honest_engine(model), model, tmp_path) as (shared, process):
        run = runs(shared, model, NoiseSource())()
        run.step()
        process.kill()
        process.join()
        with pytest.raises(RankLost):
            run.step()
        assert run.steps_done == 1


def test_ranks_end_with_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_SECONDS_TO_END", 0.1)
    setup = RankSetup(PLAN.model, 1, CLIP, "flat", asdict(ALONE), 1, "file:///nowhere/at-all", 2, 1)
    with ranks.started([setup]) as processes:
        (process,) = processes
    assert process.poll() is not None
