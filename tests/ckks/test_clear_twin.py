"""The clear twin is the logistic gradient but for the cubic and the cut of the weights."""

import numpy as np

from secure_ds.ckks import clear_twin
from secure_ds.ckks.weights import quantise
from tests.ckks.circuits import RADIUS, plan_for, random_records, random_weights


def test_close_to_the_logistic_gradient_record_by_record() -> None:
    records = random_records(200, 5)
    plan = plan_for(records)
    weights = random_weights(5, RADIUS)
    total = clear_twin.step(records.X, records.v, quantise(weights, plan), plan)
    expected = np.zeros(5)
    for x, v in zip(records.X, records.v, strict=True):
        expected += (1 / (1 + np.exp(-weights @ x)) - 0.5 - v) * x
    cut = 0.25 * np.sqrt(5) / plan.scales.weights
    assert np.linalg.norm(total - expected) <= 200 * (plan.sigmoid.largest_error() + cut)
    assert np.linalg.norm(total - expected) > 0


def test_an_empty_record_contributes_nothing() -> None:
    plan = plan_for(random_records(1, 2))
    assert not clear_twin.step(np.zeros((1, 2)), np.zeros(1), [5, 5], plan).any()
