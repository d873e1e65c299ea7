"""Accountants: they agree with one another, with closed forms and with published numbers; calibration is tight."""

from math import log

import pytest

from secure_ds.privacy.accountants import NOISE_GRID, PLD, RDP, bounds, calibrate, least_noise, tightest
from secure_ds.privacy.errors import DeltaTooSmall, InvalidPrivacyParameter
from secure_ds.privacy.gdp import UNITS_PER_MU_SQUARED, epsilon_of
from secure_ds.privacy.renyi_cost import renyi_divergence
from secure_ds.privacy.sampled import SampledGaussian

GRID = [
    SampledGaussian(0.8, 0.01, 100),
    SampledGaussian(0.8, 0.01, 1000),
    SampledGaussian(5.0, 0.01, 5000),
    SampledGaussian(1.8, 0.034, 1200),
    SampledGaussian(4.3, 0.1, 5000),
    SampledGaussian(0.8, 0.05, 200),
    SampledGaussian(3.0, 0.5, 20),
    SampledGaussian(20.0, 1.0, 100),
]


@pytest.mark.parametrize("event", GRID)
@pytest.mark.parametrize("delta", [1e-5, 1e-7])
def test_renyi_is_above_privacy_loss_and_not_far(event: SampledGaussian, delta: float) -> None:
    found = bounds(event, delta)
    assert found[PLD] <= found[RDP] <= 1.6 * found[PLD]
    assert tightest(event, delta) == (found[PLD], PLD)


@pytest.mark.parametrize(("noise", "steps"), [(20.0, 100), (5.0, 4), (40.0, 2000), (1.5, 1)])
def test_unsampled_steps_are_one_gaussian(noise: float, steps: int) -> None:
    exact = epsilon_of(round(steps / noise**2 * UNITS_PER_MU_SQUARED), 1e-5)
    found = tightest(SampledGaussian(noise, 1.0, steps), 1e-5)[0]
    assert exact - 1e-6 <= found <= exact * 1.0005 + 1e-6


PUBLISHED = [
    # Abadi et al. 2016, "Deep Learning with Differential Privacy", section 3.2: q = 0.01, sigma = 4, 10 000 steps
    (SampledGaussian(4.0, 0.01, 10_000), 1.26),
    # TensorFlow Privacy, tutorials/README.md: MNIST in batches of 256; 15 epochs, then 60, then 60
    (SampledGaussian(1.3, 256 / 60_000, 15 * 60_000 // 256), 1.19),
    (SampledGaussian(1.1, 256 / 60_000, 60 * 60_000 // 256), 3.01),
    (SampledGaussian(1.12, 256 / 60_000, 60 * 60_000 // 256), 2.92),
]


@pytest.mark.parametrize(("event", "published"), PUBLISHED)
def test_published_epsilons_come_out_at_delta_1e_5(event: SampledGaussian, published: float) -> None:
    # they convert by Mironov 2017, proposition 3; ours is smaller by a better conversion, PLD smaller still
    classic = min(
        event.steps * float(renyi_divergence(event, order)) + log(1e5) / (order - 1) for order in range(2, 65)
    )
    assert classic == pytest.approx(published, abs=0.011)
    found = bounds(event, 1e-5)
    assert 0.7 * published < found[PLD] < found[RDP] < published


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 8.0])
@pytest.mark.parametrize(("rate", "steps"), [(0.01, 1000), (0.05, 200)])
def test_calibrated_noise_is_the_least_on_its_grid(epsilon: float, rate: float, steps: int) -> None:
    noise = calibrate(epsilon, 1e-5, rate, steps)
    assert tightest(SampledGaussian(noise, rate, steps), 1e-5)[0] <= epsilon
    less = round(noise * NOISE_GRID - 1) / NOISE_GRID
    assert tightest(SampledGaussian(less, rate, steps), 1e-5)[0] > epsilon


def test_more_steps_or_less_epsilon_need_more_noise() -> None:
    assert calibrate(3.0, 1e-5, 0.01, 200) < calibrate(3.0, 1e-5, 0.01, 400) < calibrate(2.0, 1e-5, 0.01, 400)
    assert calibrate(3.0, 1e-5, 0.01, 400) < calibrate(3.0, 1e-6, 0.01, 400)


def test_truncated_samples_cost_a_little_more() -> None:
    plain = tightest(SampledGaussian(1.5, 0.02, 50), 1e-5)[0]
    cut = SampledGaussian(1.5, 0.02, 50, (2000, 70))
    assert set(bounds(cut, 1e-5)) == {PLD}
    assert plain <= tightest(cut, 1e-5)[0] < 1.1 * plain


def test_a_tiny_delta_is_left_to_renyi() -> None:
    assert set(bounds(SampledGaussian(1.0, 0.01, 100), 1e-12)) == {RDP}


@pytest.mark.parametrize("start", [1, 5, 37, 38, 1000])
@pytest.mark.parametrize("stride", [1, 7, 500])
@pytest.mark.parametrize("least", [1, 36, 37, 999])
def test_least_noise_is_found_from_anywhere(start: int, stride: int, least: int) -> None:
    assert least_noise(lambda units: units >= least, start, stride) == least


def test_what_cannot_be_is_refused() -> None:
    for epsilon, delta in ((0.0, 1e-5), (float("nan"), 1e-5), (1.0, 0.0), (1.0, 1.0)):
        with pytest.raises(InvalidPrivacyParameter):
            calibrate(epsilon, delta, 0.01, 10)
    with pytest.raises(DeltaTooSmall):
        bounds(GRID[0], 0.0)
    with pytest.raises(InvalidPrivacyParameter, match="fewer steps"):
        least_noise(lambda units: False, 1, 1)
