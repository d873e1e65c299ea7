"""Optimisers search for the record that moves a hidden-layer answer most: none beats the stated sensitivity."""

import numpy as np
import pytest
from scipy.optimize import minimize

from secure_ds.training.encrypted.hidden_layer.network import Network
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan
from secure_ds.training.encrypted.hidden_layer.twin import clear_gradients
from secure_ds.training.encrypted.spectral import project_spectral
from tests.training.encrypted.hidden_layer.examples import hidden_plan, rings, small


def moved(made: HiddenLayerPlan, network: Network, x: np.ndarray, label: int) -> float:
    """The l2 norm over both gradients of one record's part of an answer."""
    parts = clear_gradients(made, network, x[None, :], np.array([label]))
    return float(np.hypot(np.linalg.norm(parts.first), np.linalg.norm(parts.second)))


def in_balls(made: HiddenLayerPlan, point: np.ndarray) -> tuple[Network, np.ndarray]:
    """Two matrices in their balls and a record in the unit ball from any numbers."""
    shape, settings = made.circuit.shape, made.settings
    count = shape.n_hidden * shape.n_features
    first = point[:count].reshape(shape.first) * settings.first_radius
    second = point[count : -shape.n_features].reshape(shape.second) * settings.second_radius
    x = point[-shape.n_features :]
    network = Network(project_spectral(first, settings.first_radius), project_spectral(second, settings.second_radius))
    return network, x / max(1.0, float(np.linalg.norm(x)))


def worst_found(made: HiddenLayerPlan, seed: int) -> float:
    """Climb over record and both matrices together, from a random start."""
    shape = made.circuit.shape
    count = shape.n_hidden * (shape.n_features + shape.n_labels) + shape.n_features

    def loss(point: np.ndarray) -> float:
        return -moved(made, *in_balls(made, point), 0)

    start = np.random.default_rng(seed).normal(size=count)
    return -float(minimize(loss, start, method="Powell", options={"maxfev": 4000}).fun)


@pytest.mark.parametrize(
    ("n_classes", "changes"),
    [(3, {}), (3, {"first_radius": 0.5, "second_radius": 1.0, "linear": 2.0, "square": 0.25}), (2, {"square": 0.5})],
)
def test_no_record_beats_the_sensitivity_and_one_comes_close(n_classes: int, changes: dict[str, float]) -> None:
    made = hidden_plan(300, 2, n_classes, settings=small(hidden_units=2, steps=2, **changes))
    found = max(worst_found(made, seed) for seed in range(5))
    assert 0.9 * made.sensitivity < found <= made.sensitivity


def test_the_worst_record_is_known_and_meets_the_bound() -> None:
    """One unit takes all of u, and W2 turns it against the label: every inequality of the proof is an equality."""
    made = hidden_plan(300, 4, settings=small())
    shape, v = made.circuit.shape, np.eye(3)[0] - 1 / 3
    first, second = np.zeros(shape.first), np.zeros(shape.second)
    first[0, 0] = made.settings.first_radius
    second[:, 0] = -v / np.linalg.norm(v) * made.settings.second_radius * (1 - 1e-12)
    assert 0.98 * made.sensitivity < moved(made, Network(first, second), np.eye(4)[0], 0) <= made.sensitivity


def test_the_first_step_moves_by_less_and_by_no_more_than_stated() -> None:
    made = hidden_plan(300, 4, settings=small())
    first = np.zeros(made.circuit.shape.first)
    first[0, 0] = made.settings.first_radius
    found = moved(made, Network(first, np.zeros(made.circuit.shape.second)), np.eye(4)[0], 0)
    assert 0.98 * made.mechanism.sensitivities[0] < found <= made.mechanism.sensitivities[0]


def test_zeroing_any_record_moves_every_step_by_at_most_its_sensitivity() -> None:
    """Along one and the same sequence of answers, as in the proof by adaptive composition."""
    made, rng = hidden_plan(200, 3, settings=small(steps=4)), np.random.default_rng(1)
    X, labels = rings(200, seed=5)
    answers: list[list[int]] = []
    for step in range(made.steps):
        network = made.network_after(answers)
        for index in range(0, 200, 7):
            assert moved(made, network, X[index], int(labels[index])) <= made.mechanism.sensitivities[step]
        count = sum(len(release.positions) for release in made.releases(step))
        answers.append(rng.integers(-(2**20), 2**20, count).tolist())
