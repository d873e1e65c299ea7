"""The activation's bounds hold on its interval and are reached."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.hidden_layer.activation import QuadraticActivation

POSITIVE = st.floats(0.02, 60.0)


@given(POSITIVE, POSITIVE, POSITIVE, st.integers(0, 10**6), st.integers(1, 12))
def test_no_vector_in_the_ball_goes_beyond_the_bounds(
    interval: float, linear: float, square: float, seed: int, size: int
) -> None:
    g = QuadraticActivation(interval, linear, square)
    u = np.random.default_rng(seed).normal(size=size)
    u *= interval / np.linalg.norm(u)
    assert np.linalg.norm(g(u)) <= g.largest * (1 + 1e-12)
    assert np.abs(g.derivative(u)).max() <= g.steepest * (1 + 1e-12)


def test_one_entry_alone_reaches_both_and_zero_stays_zero() -> None:
    g = QuadraticActivation(2.0, 0.5, 1.5)
    assert np.linalg.norm(g(np.array([2.0, 0.0]))) == g.largest == 7.0
    assert g.derivative(np.array([2.0]))[0] == g.steepest == 6.5
    assert not g(np.zeros(3)).any()


def test_the_derivative_is_the_derivative() -> None:
    g, u = QuadraticActivation(1.0, 0.7, 1.3), np.linspace(-1, 1, 11)
    assert g.derivative(u) == pytest.approx((g(u + 1e-6) - g(u - 1e-6)) / 2e-6, abs=1e-8)
