"""What computers cost: small numbers, in the right direction, and large enough for what float32 really does."""

from math import exp, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.privacy.noise_distance import NOISE_DISTANCE, NORM_ALLOWANCE, allowance, slack


@given(st.floats(0.1, 8), st.integers(1, 10**9), st.integers(1, 10**5), st.floats(0, 1e-12))
def test_slack_is_the_distance_times_what_both_neighbours_see(epsilon: float, n: int, steps: int, cut: float) -> None:
    assert slack(epsilon, n, steps, cut) == pytest.approx(
        (1 + exp(epsilon)) * (sqrt(n * steps) * NOISE_DISTANCE + steps * cut)
    )
    assert slack(epsilon, n, steps + 1, cut) > slack(epsilon, n, steps, cut)


def test_a_large_model_at_a_usual_epsilon_pays_little() -> None:
    assert slack(3.0, 10**8, 4096) < 1e-6 / 10


@pytest.mark.parametrize("units", [64, 1000])
def test_float32_sums_stay_within_their_allowance(units: int) -> None:
    """Gradients that all point one way, of the clipping norm, added one by one: the sum errs least favourably."""
    gradients = np.random.default_rng(1).standard_normal((units, 256)) * 0.01 + 1.0
    gradients /= np.linalg.norm(gradients, axis=1, keepdims=True)
    narrow = gradients.astype(np.float32)
    with_unit, without = np.zeros(256, np.float32), np.zeros(256, np.float32)
    for index, gradient in enumerate(narrow):
        with_unit = with_unit + gradient
        without = without + (gradient if index else np.float32(0) * gradient)
    moved = np.linalg.norm(with_unit.astype(np.float64) - without.astype(np.float64))
    assert moved <= 1 + allowance(units)


def test_float32_norms_stay_within_their_allowance() -> None:
    values = np.random.default_rng(2).standard_normal(2**20)
    narrow = values.astype(np.float32)
    assert float(np.sqrt((narrow * narrow).sum())) == pytest.approx(np.linalg.norm(values), rel=NORM_ALLOWANCE)
