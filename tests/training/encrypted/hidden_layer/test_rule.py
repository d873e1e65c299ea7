"""The rule depends on public numbers alone; its rows are reached where the docstring says."""

import pytest

from secure_ds.privacy.gdp import units_within
from secure_ds.training.encrypted.hidden_layer.rule import settings_for

UNITS = units_within(1.0, 1e-5)


@pytest.mark.parametrize(
    ("n", "d", "k", "steps", "units", "square"),
    [
        (125, 14, 1, 16, 8, 0.25),
        (1700, 22, 1, 16, 8, 0.25),
        (10_000, 22, 1, 32, 16, 0.25),
        (20_000, 22, 1, 32, 16, 2.0),
        (20_000, 22, 10, 16, 8, 0.25),
        (100_000, 22, 1, 128, 24, 3.0),
    ],
)
def test_rows(n: int, d: int, k: int, steps: int, units: int, square: float) -> None:
    found = settings_for(n, d, UNITS, k)
    assert (found.steps, found.hidden_units, found.square) == (steps, units, square)


def test_step_sizes_are_shares_of_the_inverse_curvature() -> None:
    found = settings_for(100_000, 22, UNITS)
    assert found.second_learning_rate == pytest.approx(2 / (1.0 * 4 + 9 * 16 / 24))
    assert found.first_learning_rate == pytest.approx(2 / (0.25 * (1 + 4 * 9 * 4 / 24)))
