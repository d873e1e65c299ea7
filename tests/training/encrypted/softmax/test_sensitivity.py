"""Optimisers search for the record that moves a softmax answer most: none beats the stated sensitivity."""

import numpy as np
import pytest
from scipy.optimize import minimize

from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan
from secure_ds.training.encrypted.softmax.twin import clear_gradient
from secure_ds.training.encrypted.spectral import project_spectral
from tests.training.encrypted.softmax.examples import blobs, softmax_plan


def moved(made: SoftmaxPlan, W: np.ndarray, x: np.ndarray, label: int) -> float:
    """The Frobenius norm of one record's part of an answer."""
    return float(np.linalg.norm(clear_gradient(made, W, x[None, :], np.array([label]))))


def worst_found(made: SoftmaxPlan, seed: int) -> float:
    """Climb over record and weights together, from a random start: x in the unit ball, W in the spectral ball."""
    (c, d), rng = made.shape, np.random.default_rng(seed)

    def loss(point: np.ndarray) -> float:
        x, W = point[:d], point[d:].reshape(c, d) * made.settings.radius
        x = x / max(1.0, float(np.linalg.norm(x)))
        return -moved(made, project_spectral(W, made.settings.radius), x, 0)

    start = rng.normal(size=d + c * d)
    return -float(minimize(loss, start, method="Powell", options={"maxfev": 6000}).fun)


@pytest.mark.parametrize(("n_classes", "radius"), [(3, 3.0), (3, 0.6), (6, 12.0)])
def test_no_record_beats_the_sensitivity_and_one_comes_close(n_classes: int, radius: float) -> None:
    made = softmax_plan(300, 3, n_classes, steps=2, radius=radius)
    found = max(worst_found(made, seed) for seed in range(4))
    assert 0.97 * made.sensitivity < found <= made.sensitivity


@pytest.mark.parametrize("n_classes", [3, 10, 64])
def test_the_worst_record_is_known_and_meets_the_bound(n_classes: int) -> None:
    """W = R u x^T with u against the label's direction: by the proof nothing is worse."""
    made = softmax_plan(300, 4, n_classes, steps=2)
    u = np.eye(n_classes)[0] - 1 / n_classes
    W = -made.settings.radius * np.outer(u / np.linalg.norm(u), np.eye(4)[0]) * (1 - 1e-12)
    assert 0.999 * made.sensitivity < moved(made, W, np.eye(4)[0], 0) <= made.sensitivity


def test_the_first_step_moves_by_a_label_vector() -> None:
    made = softmax_plan(300, 4, 5, steps=2)
    first = made.mechanism.sensitivities[0]
    assert 0.999 * first < moved(made, np.zeros(made.shape), np.eye(4)[1], 2) <= first


def test_a_bound_for_each_class_alone_would_be_larger_by_the_root_of_their_number() -> None:
    """What spectral projection buys: with rows of norm R each, one record can move sqrt(c) times as much through W."""
    made = softmax_plan(300, 4, 16, steps=2, radius=160.0)
    rows = np.tile(np.eye(4)[0], (16, 1)) * made.settings.radius
    x = np.eye(4)[0]
    residual = rows @ x / 16 - (np.eye(16)[0] - 1 / 16)
    assert np.linalg.norm(np.outer(residual, x)) > 3 * made.sensitivity
    assert moved(made, project_spectral(rows, made.settings.radius), x, 0) <= made.sensitivity


def test_zeroing_any_record_moves_every_step_by_at_most_its_sensitivity() -> None:
    """Along one and the same sequence of answers, as in the proof by adaptive composition."""
    made = softmax_plan(200, 6, 4, steps=5)
    X, labels = blobs(200, 6, 4, seed=5)
    answers: list[list[int]] = []
    rng = np.random.default_rng(1)
    for step in range(made.steps):
        W = made.state_after(answers).reshape(made.shape)
        for index in range(0, 200, 7):
            assert moved(made, W, X[index], int(labels[index])) <= made.mechanism.sensitivities[step]
        answers.append(rng.integers(-(2**20), 2**20, made.shape[0] * made.shape[1]).tolist())
