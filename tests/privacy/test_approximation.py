"""The bound on the distance between discrete and rounded continuous Gaussians holds where it can be computed."""

import math

import pytest
from scipy import stats

from secure_ds.privacy.approximation import discrete_gaussian_distance, distance_to_ideal
from secure_ds.privacy.errors import InvalidPrivacyParameter


@pytest.mark.parametrize("sigma", [1, 2, 3, 10, 50, 300])
def test_total_variation_is_below_the_bound_and_not_idle(sigma: int) -> None:
    reach = range(-40 * sigma, 40 * sigma + 1)
    weights = [math.exp(-k * k / (2 * sigma * sigma)) for k in reach]
    total = math.fsum(weights)
    rounded = stats.norm.cdf([(k + 0.5) / sigma for k in reach]) - stats.norm.cdf([(k - 0.5) / sigma for k in reach])
    distance = math.fsum(abs(w / total - q) for w, q in zip(weights, rounded, strict=True)) / 2
    bound = float(discrete_gaussian_distance(sigma))
    assert bound / 10 < distance < bound


def test_everything_released_in_a_lifetime_costs_little_delta() -> None:
    assert float(distance_to_ideal(1000, 784)) < 1.3e-9


@pytest.mark.parametrize(("releases", "coordinates"), [(0, 1), (1, 0), (-1, 5)])
def test_counts_must_be_positive(releases: int, coordinates: int) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="positive"):
        distance_to_ideal(releases, coordinates)


def test_sigma_below_a_grid_step_is_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="grid step"):
        discrete_gaussian_distance(0)
