"""Noise calibrated to a cost is charged at most that cost, and hardly less."""

from fractions import Fraction
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.privacy.calibration import release_step, sigma_for, variance_on_grid
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.gdp import charge


@given(st.floats(1e-3, 1e6), st.integers(1, 10**14))
def test_sigma_costs_what_was_allowed(sensitivity: float, units: int) -> None:
    sigma = sigma_for(sensitivity, units)
    assert charge(sensitivity, sigma) <= units
    assert sigma <= sensitivity / (units / 1e12) ** 0.5 * (1 + 1e-14)


@given(st.floats(1e-3, 1e5), st.floats(2**20, 2**80))
def test_grid_variance_rounds_up(sigma: float, scale: float) -> None:
    exact = (Fraction(sigma) * Fraction(scale)) ** 2
    assert 0 <= variance_on_grid(sigma, scale) - exact < 1


@given(st.floats(1, 1e5), st.floats(2**20, 2**80))
def test_release_step_is_a_1024th_of_sigma(sigma: float, scale: float) -> None:
    step = release_step(sigma, scale)
    root = isqrt(variance_on_grid(sigma, scale))
    assert step * 1024 <= root < (step + 1) * 1024


def test_tiny_sigma_releases_on_the_grid_itself() -> None:
    assert release_step(1.0, 100.0) == 1


def test_no_units_no_noise_level() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="fewer steps"):
        sigma_for(1.0, 0)
