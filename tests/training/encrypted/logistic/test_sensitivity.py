"""An optimiser looks for the record that moves the circuit's sum most, and never beats the stated sensitivity."""

import numpy as np
import pytest
from scipy.optimize import minimize

from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.logistic.twin import clear_gradient
from tests.training.encrypted.examples import plan

NO_RECORD = 0.5  # a slot whose label column v = y - 1/2 holds 0


def _contribution(made: LogisticPlan, weights: np.ndarray, record: np.ndarray, label: int) -> float:
    sums = clear_gradient(made, weights, record[None, :], np.array([label]))
    return float(np.linalg.norm(sums))


def _worst(made: LogisticPlan, weights: np.ndarray, label: int, seed: int) -> float:
    """Maximise the contribution of one record over the unit ball, from a random start.

    Downhill simplex: the poles of the ball are saddle points that stop a gradient method.
    """
    start = np.random.default_rng(100 + seed).standard_normal(len(weights))

    def loss(free: np.ndarray) -> float:
        return -_contribution(made, weights, free / max(1.0, float(np.linalg.norm(free))), label)

    return -float(minimize(loss, start, method="Nelder-Mead").fun)


def _weights_on_the_sphere(made: LogisticPlan, seed: int) -> np.ndarray:
    direction = np.random.default_rng(seed).standard_normal(made.facts.n_features)
    return made.settings.radius * direction / np.linalg.norm(direction)


@pytest.mark.parametrize("radius", [1.0, 4.0, 16.0])
def test_no_record_beats_the_sensitivity_and_one_comes_close(radius: float) -> None:
    made = plan(300, 3, steps=2, radius=radius)
    found = [_worst(made, _weights_on_the_sphere(made, seed), label, seed) for seed in range(4) for label in (0, 1)]
    assert max(found) <= made.sensitivity
    assert max(found) > 0.98 * made.sensitivity


def test_the_first_step_moves_by_half_a_record() -> None:
    made = plan(300, 3, steps=2)
    found = [_worst(made, np.zeros(3), label, seed) for seed in range(3) for label in (0, 1)]
    assert 0.499 < max(found) <= made.mechanism.sensitivities[0] < 0.501


def test_zeroing_any_record_moves_every_step_by_at_most_its_sensitivity() -> None:
    """Along one and the same sequence of answers, as in the proof by adaptive composition."""
    made = plan(300, 8, steps=6)
    generator = np.random.default_rng(5)
    X = generator.standard_normal((300, 8))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    labels = generator.integers(0, 2, 300)
    answers: list[list[int]] = []
    for step in range(made.steps):
        weights = made.state_after(answers)
        moved = max(_contribution(made, weights, X[i], int(labels[i])) for i in range(300))
        assert moved <= made.mechanism.sensitivities[step]
        answers.append([int(value) for value in generator.normal(0, 30_000, 8)])


def test_an_empty_slot_contributes_nothing() -> None:
    made = plan(300, 5)
    empty = clear_gradient(made, _weights_on_the_sphere(made, 1), np.zeros((1, 5)), np.array([NO_RECORD]))
    assert not empty.any()
