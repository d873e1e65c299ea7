"""The cubic sigmoid: its fit, and bounds that hold everywhere and are tight somewhere."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.layers.activation import fit_sigmoid

intervals = st.floats(0.5, 32)


@given(intervals)
def test_fit_is_the_least_squares_cubic(interval: float) -> None:
    sigmoid = fit_sigmoid(interval)
    z = np.linspace(-interval, interval, 20001)
    basis = np.column_stack([z, z**3])
    target = 1 / (1 + np.exp(-z)) - 0.5
    best, *_ = np.linalg.lstsq(basis, target, rcond=None)
    assert sigmoid.linear == pytest.approx(best[0], rel=1e-3)
    assert sigmoid.cubic == pytest.approx(best[1], rel=1e-2)


def test_known_coefficients() -> None:
    """The degree-3 fit on [-8, 8] printed by Kim, Song, Wang, Xia and Jiang (2018): 0.15012 and -0.001593."""
    sigmoid = fit_sigmoid(8)
    assert (round(sigmoid.linear, 5), round(sigmoid.cubic, 6)) == (0.15012, -0.001593)
    assert sigmoid.largest_error() == pytest.approx(0.114, abs=1e-3)


@given(intervals, st.floats(0, 1))
def test_deviation_bound_holds_and_is_tight(interval: float, part: float) -> None:
    sigmoid, z_max = fit_sigmoid(interval), 0.1 + part * interval
    largest = np.abs(sigmoid(np.linspace(-z_max, z_max, 4001)) - 0.5).max()
    assert largest <= sigmoid.largest_deviation(z_max) <= largest + 1e-6


@given(intervals, st.floats(0, 1))
def test_steepness_bound_holds_and_is_tight(interval: float, part: float) -> None:
    sigmoid, z_max = fit_sigmoid(interval), part * interval
    slopes = np.abs(sigmoid.linear + 3 * sigmoid.cubic * np.linspace(-z_max, z_max, 2001) ** 2)
    assert slopes.max() <= sigmoid.steepest(z_max) <= slopes.max() + 1e-6


@pytest.mark.parametrize("interval", [0.4, 33, float("nan")])
def test_refuses_intervals_no_cubic_is_good_for(interval: float) -> None:
    with pytest.raises(ValueError, match="interval of"):
        fit_sigmoid(interval)
