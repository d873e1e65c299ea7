"""The rule depends on public numbers alone; its rows are reached where the docstring says."""

import pytest

from secure_ds.privacy.gdp import units_within
from secure_ds.training.encrypted.softmax.rule import settings_for

UNITS = units_within(1.0, 1e-5)


@pytest.mark.parametrize(
    ("n", "d", "c", "k", "steps", "radius", "rate"),
    [
        (125, 14, 3, 1, 8, 1.5, 4.5),
        (13_784, 385, 7, 1, 12, 3.5, 10.5),
        (60_000, 393, 10, 1, 12, 15.0, 35.0),
        (60_000, 393, 10, 10, 12, 5.0, 15.0),
        (200_000, 50, 4, 1, 24, 12.0, 12.0),
    ],
)
def test_rows(n: int, d: int, c: int, k: int, steps: int, radius: float, rate: float) -> None:
    found = settings_for(n, d, c, UNITS, k)
    assert (found.steps, found.radius, found.learning_rate, found.momentum) == (steps, radius, rate, 0.9)


def test_heavy_ball_is_stable_on_every_admitted_data_set() -> None:
    """Its limit is 2 (1 + momentum) over the curvature, which is at most a = 1/c for records in the unit ball."""
    for n in (100, 3000, 20_000, 10**6):
        found = settings_for(n, 20, 5, UNITS)
        assert found.learning_rate / 5 < 2 * (1 + found.momentum)
