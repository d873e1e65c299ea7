"""Noise on sums. Statistical tests fail by chance with probability 1e-9 each."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from secure_ds.training.dp.noise import source
from secure_ds.training.dp.noise.errors import InvalidNoise
from secure_ds.training.dp.noise.source import NoiseSource, grid_step

FALSE_ALARM = 1e-9


def noise_on(sums: torch.Tensor, standard_deviation: float) -> torch.Tensor:
    return NoiseSource().add_noise({"w": sums}, standard_deviation)["w"]


@pytest.mark.parametrize("standard_deviation", [1e-3, 1.0, 37.5])
def test_the_noise_is_gaussian_of_the_standard_deviation_asked_for(standard_deviation: float) -> None:
    noise = noise_on(torch.zeros(300_000, dtype=torch.float64), standard_deviation).numpy() / standard_deviation
    assert stats.kstest(noise, "norm").pvalue > FALSE_ALARM
    assert abs((noise**2).mean() - 1) < stats.norm.isf(FALSE_ALARM / 2) * np.sqrt(2 / len(noise))


def test_what_is_released_lies_on_the_grid_whatever_the_sums() -> None:
    """The low bits of the sums are gone: this is what stops attacks on floating point."""
    sums = torch.rand(10_000, dtype=torch.float64) * 100
    steps = noise_on(sums, 1.0) / grid_step(1.0)
    assert (steps - steps.round()).abs().max() < 2**-4  # a float64 of 2^47 steps is off by less
    assert (steps.round() % 2).mean() == pytest.approx(0.5, abs=0.05)


def test_sums_that_round_alike_are_released_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.urandom", lambda size: b"k" * size)
    sums = torch.rand(1000, dtype=torch.float64).div(grid_step(1.0)).round().mul(grid_step(1.0))
    moved = sums + (torch.rand(1000, dtype=torch.float64) - 0.5) * 0.9 * grid_step(1.0)
    assert torch.equal(noise_on(sums, 1.0), noise_on(moved, 1.0))


@given(st.floats(-1e4, 1e4), st.floats(1e-2, 1e3))
def test_the_mean_is_the_sum(value: float, standard_deviation: float) -> None:
    noisy = noise_on(torch.full((64,), value, dtype=torch.float64), standard_deviation)
    bound = standard_deviation * stats.norm.isf(FALSE_ALARM / 2) / 8
    assert abs(float(noisy.mean()) - value) <= bound + abs(value) * 1e-12


def test_shapes_types_and_the_sums_themselves_stay() -> None:
    sums = {"a": torch.ones(3, 4).t(), "b": torch.ones((), dtype=torch.bfloat16), "c": torch.ones(0, 2)}
    noisy = NoiseSource().add_noise(sums, 1.0)
    assert {name: (each.shape, each.dtype) for name, each in noisy.items()} == {
        name: (each.shape, each.dtype) for name, each in sums.items()
    }
    assert torch.equal(sums["a"], torch.ones(4, 3))


def test_noise_is_independent_between_tensors_calls_and_sources() -> None:
    n, bound = 200_000, stats.norm.isf(FALSE_ALARM / 2)
    one, zeros = NoiseSource(), {"a": torch.zeros(n), "b": torch.zeros(n)}
    noises = [each for noise in (one, one, NoiseSource()) for each in noise.add_noise(zeros, 1.0).values()]
    for place, left in enumerate(noises):
        for right in noises[:place]:
            assert abs(float((left * right).mean())) < bound / np.sqrt(n)


def test_what_is_not_a_number_stops_nothing_and_shows_nothing() -> None:
    """An engine never gives such sums; if it did, neither an error nor the result may tell."""
    wrong = torch.tensor([float("nan"), float("inf"), -float("inf"), 1e38])
    noisy = noise_on(wrong, 1.0)
    assert torch.isfinite(noisy).all()
    assert abs(noisy[0]) < 16


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan"), float("inf"), 1e-40])
def test_a_standard_deviation_that_nothing_is_proven_for_is_refused(wrong: float) -> None:
    with pytest.raises(InvalidNoise, match="standard deviation"):
        NoiseSource().add_noise({"w": torch.zeros(3)}, wrong)


def test_nothing_to_add_to() -> None:
    assert NoiseSource().add_noise({}, 1.0) == {}


def test_the_widening_covers_rounding_and_float32() -> None:
    """The sentence of the proof: D (1 + 1e-6) / grid + 5/4 sqrt(d) <= SIGMA / z for z sqrt(d) <= 2^21."""
    for z, sqrt_d in ((1.0, 2.0**21), (2.0**10, 2.0**11), (0.3, 1e4)):
        sensitivity = 1.0
        sensitivity_on_grid = sensitivity * (1 + 1e-6) / grid_step(z * sensitivity) + 1.25 * sqrt_d
        assert z * sensitivity_on_grid <= source.SIGMA
