"""Broken engines are caught: every measurement passes the product's engine and fails the one that it is meant for."""

from functools import partial
from itertools import count

import pytest
import torch
from torch import nn

from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.noise import keystream
from secure_ds.training.dp.noise.source import NoiseSource
from tests.training.dp import evidence
from tests.training.dp.evidence import CLIP, NORMALISER, MakeRun, Silence, honest_engine, honest_run
from tests.training.dp.examples import PerSampleEngine

MEASUREMENTS = [
    evidence.noise_has_its_scale,
    evidence.units_are_clipped,
    evidence.the_normaliser_is_the_plans,
    evidence.noise_is_fresh_on_resume,
]


class HalfTheNoise(NoiseSource):
    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        return super().add_noise(sums, standard_deviation / 2)


class NoiseTwice(NoiseSource):
    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        return super().add_noise(super().add_noise(sums, standard_deviation), standard_deviation)


class DividesByItsBatch:
    """As if the loop divided by the batch that came instead of the plan's constant."""

    def __init__(self, model: nn.Module) -> None:
        self._engine = honest_engine(model)

    def clipped_sum(self, batch: Batch) -> dict[str, torch.Tensor]:
        factor = NORMALISER / max(1, batch.n_units)
        return {name: each * factor for name, each in self._engine.clipped_sum(batch).items()}


@pytest.mark.parametrize("measure", MEASUREMENTS)
def test_the_products_engine_passes(measure: object) -> None:
    measure(honest_run)  # type: ignore[operator]


def caught(measure: object, broken: MakeRun, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        measure(broken)  # type: ignore[operator]


def test_noise_at_half_scale_is_caught() -> None:
    caught(evidence.noise_has_its_scale, lambda: honest_run(noise=HalfTheNoise()), "variance")


def test_no_noise_is_caught() -> None:
    caught(evidence.noise_has_its_scale, lambda: honest_run(noise=Silence()), "variance")


def test_noise_added_twice_is_caught() -> None:
    caught(evidence.noise_has_its_scale, lambda: honest_run(noise=NoiseTwice()), "variance")


def test_clipping_switched_off_is_caught() -> None:
    unclipped = partial(honest_run, engine=lambda model: PerSampleEngine(model, clip=1e9))
    caught(evidence.units_are_clipped, unclipped, "not clipped")


def test_a_slightly_larger_clipping_norm_is_caught() -> None:
    looser = partial(honest_run, engine=lambda model: PerSampleEngine(model, clip=CLIP * 1.01))
    caught(evidence.units_are_clipped, looser, "not clipped")


def test_dividing_by_the_batch_that_came_is_caught() -> None:
    caught(evidence.the_normaliser_is_the_plans, partial(honest_run, engine=DividesByItsBatch), "normaliser")


def test_noise_reused_on_resume_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def same_key(self: keystream.Keystream) -> None:
        self._key, self._process, self._requests = b"k" * 32, keystream.os.getpid(), count()

    monkeypatch.setattr(keystream.Keystream, "_renew", same_key)
    caught(evidence.noise_is_fresh_on_resume, honest_run, "drawn again")
