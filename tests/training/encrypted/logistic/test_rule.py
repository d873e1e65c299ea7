"""The rule depends on public numbers alone; its rows are reached where the docstring says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.privacy.gdp import units_within
from secure_ds.training.encrypted.logistic.rule import settings_for, signal_strength

UNITS = units_within(1.0, 1e-5)


@given(st.integers(1, 10**6), st.integers(1, 4096), st.integers(1, 10**13))
def test_stronger_signals_never_get_fewer_steps(n: int, d: int, units: int) -> None:
    weak, strong = settings_for(n, d, units), settings_for(2 * n, d, units)
    assert weak.steps <= strong.steps
    assert weak.radius <= strong.radius


@pytest.mark.parametrize(
    ("n", "d", "k", "steps", "rate"),
    [
        (104, 14, 1, 4, 4.5),
        (455, 31, 1, 4, 14.0),
        (546, 10, 1, 16, 12.0),
        (11_982, 197, 1, 16, 24.0),
        (11_982, 197, 10, 4, 14.0),
    ],
)
def test_rows(n: int, d: int, k: int, steps: int, rate: float) -> None:
    settings = settings_for(n, d, UNITS, k)
    assert (settings.steps, settings.learning_rate, settings.momentum) == (steps, rate, 0.9)


def test_strength_counts_records_noise_and_persons() -> None:
    assert signal_strength(455, 31, UNITS, 1) == pytest.approx(21.9, abs=0.1)
    assert signal_strength(910, 31, UNITS, 2) == pytest.approx(signal_strength(455, 31, UNITS, 1))
