"""No record moves the weighted statistics by more than the stated sensitivity: searched for, and random ones tried."""

import numpy as np
import pytest
from scipy.optimize import minimize

from secure_ds.client.package import label_columns
from secure_ds.privacy.gdp import UNITS_PER_MU_SQUARED
from secure_ds.training.encrypted.least_squares.mechanism import mechanism_for, sensitivities
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan
from tests.training.encrypted.least_squares.examples import plan


def moved(made: LeastSquaresPlan, record: np.ndarray, label: np.ndarray) -> float:
    """How far one record moves the answer, in deviations of the noise as the plan's releases draw it."""
    columns = np.concatenate([record, label])
    total = 0.0
    for part, release in zip(made.circuit.parts, made.releases(0), strict=True):
        assert release.rounding is not None
        steps = part.units_per_one * release.rounding.steps
        for (j, k), variance in zip(part.pairs, release.variances, strict=True):
            total += float(record[j] * columns[k] * steps) ** 2 / variance
    return total**0.5


def cost(made: LeastSquaresPlan) -> float:
    """mu, as it is charged."""
    return float((sum(made.charges) / UNITS_PER_MU_SQUARED) ** 0.5)


def labels(c: int) -> np.ndarray:
    """The labels of all classes, one a row."""
    return label_columns(np.arange(c), c)


@pytest.mark.parametrize("c", [2, 3, 10])
def test_an_optimiser_finds_no_worse_record_and_one_as_bad(c):
    made, worst = plan(1000, 4, c), 0.0
    for label in labels(c)[:2]:
        for seed in range(2):
            start = np.random.default_rng(seed).standard_normal(4)

            def loss(free: np.ndarray, label: np.ndarray = label) -> float:
                return -moved(made, free / max(1.0, float(np.linalg.norm(free))), label)

            worst = max(worst, -float(minimize(loss, start, method="Nelder-Mead", options={"maxiter": 300}).fun))
    assert worst <= cost(made)
    assert worst > (1 - 1e-4) * cost(made)


def test_moments_and_labels_cost_half_each():
    made = plan(1000, 5, 3)
    record = np.array([1.0, 0, 0, 0, 0])
    whole, without = moved(made, record, labels(3)[0]), moved(made, record, np.zeros(3))
    assert whole**2 == pytest.approx(2 * without**2, rel=1e-4)


def test_a_record_on_the_diagonal_and_one_across_it_cost_the_same():
    """That is what the noise of sigma / sqrt(2) off the diagonal is for."""
    made, label = plan(1000, 4, 3), labels(3)[1]
    along, across = np.array([1.0, 0, 0, 0]), np.array([0.5, 0.5, -0.5, 0.5])
    assert moved(made, along, label) == pytest.approx(moved(made, across, label), rel=1e-9)


@pytest.mark.parametrize("k", [2, 5])
def test_persons_with_more_records_pay_by_their_number(k):
    one = plan()
    many = mechanism_for(one.circuit, sum(one.charges), k)
    assert many.sensitivities == (sensitivities(one.circuit).joint * k,)
    assert many.sigma == pytest.approx(k * one.sigma)


def test_rounding_is_paid_for():
    held = sensitivities(plan(1000, 300, 10).circuit)
    assert 1 + 4 * 300 / 2**24 <= held.moments < 1 + 1e-4 + 4 * 300 / 2**24
    assert held.labels > 0.9**0.5
