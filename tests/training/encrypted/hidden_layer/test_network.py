"""Weights are a pure function of seed and answers, inside both balls; the twin learns what a linear model cannot."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.training.encrypted.hidden_layer.network import Network, initial_network, network_after
from secure_ds.training.encrypted.hidden_layer.quantised import quantise_network
from secure_ds.training.encrypted.hidden_layer.twin import clear_gradients, train_clear_twin
from secure_ds.training.encrypted.plan import state_digest
from secure_ds.training.encrypted.softmax.twin import train_clear_twin as train_linear_twin
from tests.training.encrypted.hidden_layer.examples import STRONG_SIGNAL, hidden_plan, rings, small
from tests.training.encrypted.softmax.examples import softmax_plan

PLAN = hidden_plan(1500, 3, settings=small(steps=4))
SHAPE = PLAN.circuit.shape
COUNTS = [sum(len(release.positions) for release in PLAN.releases(step)) for step in range(PLAN.steps)]
answers = st.integers(0, PLAN.steps).flatmap(
    lambda steps: st.tuples(
        *(st.lists(st.integers(-(2**40), 2**40), min_size=count, max_size=count) for count in COUNTS[:steps])
    )
)


@given(answers)
@settings(max_examples=40, deadline=None)
def test_weights_stay_in_their_balls_and_follow_from_the_answers_alone(
    given_answers: tuple[list[int], ...],
) -> None:
    network = PLAN.network_after(given_answers)
    assert np.linalg.norm(network.first, 2) <= PLAN.settings.first_radius
    assert np.linalg.norm(network.second, 2) <= PLAN.settings.second_radius
    assert network.second.any() == bool(given_answers), "only the first step starts from W2 = 0"
    again = hidden_plan(1500, 3, settings=small(steps=4)).state_after([tuple(answer) for answer in given_answers])
    assert network.flat().tobytes() == again.tobytes()


def test_a_state_is_both_matrices_in_a_row() -> None:
    network = PLAN.network_after([list(range(COUNTS[0]))])
    back = PLAN.network(network.flat())
    assert (back.first == network.first).all()
    assert (back.second == network.second).all()


def test_it_begins_with_orthogonal_rows_from_the_declared_seed_alone() -> None:
    first = initial_network(small(hidden_units=3), (3, 8), (3, 3)).first
    assert first @ first.T == pytest.approx(STRONG_SIGNAL.first_radius**2 * np.eye(3), abs=1e-9)
    assert (first == initial_network(small(hidden_units=3), (3, 8), (3, 3)).first).all()
    assert not np.allclose(first, initial_network(small(hidden_units=3, seed=2), (3, 8), (3, 3)).first)


def test_the_same_bits_on_every_machine() -> None:
    """A golden value: whoever recomputes a model elsewhere must find these bytes."""
    gradients = [np.array([(7 * i * i + step) % 31 - 15.0 for i in range(20 + 15 * bool(step))]) for step in range(4)]
    network = network_after(small(), (5, 3), (4, 5), [gradient / 9 for gradient in gradients])
    assert state_digest(network.flat()) == "sha256:b0ff9ce86c3d533663ff067e79e5f4749f955e80e5ee2d135d7a1a98adb22e2b"


def test_answers_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(ValueError, match="15 integers, got 30"):
        PLAN.state_after([[1] * 30])
    with pytest.raises(ValueError, match="30 integers, got 15"):
        PLAN.state_after([[1] * 15, [1] * 15])


def test_no_ciphertext_is_multiplied_by_zeros_alone() -> None:
    network = Network(np.zeros(SHAPE.first), np.full(SHAPE.second, -1e-9))
    first, second = quantise_network(network, PLAN.circuit)
    assert second is not None
    assert all(map(any, first))
    assert all(map(any, zip(*second, strict=True)))
    assert second[0] == (-1,) * SHAPE.n_hidden


def test_the_twin_is_projected_gradient_descent_on_both_matrices() -> None:
    """Against plain floats and LAPACK's projection."""
    X, labels = rings(1500, 1)
    network, descent = initial_network(PLAN.settings, SHAPE.first, SHAPE.second), PLAN.settings
    rates = (descent.first_learning_rate, descent.second_learning_rate)
    radii = (descent.first_radius, descent.second_radius)
    velocity = [np.zeros(SHAPE.first), np.zeros(SHAPE.second)]
    for _ in range(PLAN.steps):
        gradients = clear_gradients(PLAN, network, X, labels)
        velocity = [descent.momentum * u + g / 1500 for u, g in zip(velocity, gradients, strict=True)]
        moved = [w - rate * u for w, rate, u in zip(network, rates, velocity, strict=True)]
        network = Network(*(_by_lapack(w, (1 - 1e-12) * radius) for w, radius in zip(moved, radii, strict=True)))
    found = train_clear_twin(PLAN, X, labels, None)
    for one, other in zip(found, network, strict=True):
        assert np.abs(one - other).max() < 1e-6


def test_the_twin_learns_rings_that_a_linear_model_cannot() -> None:
    X, labels = rings(1500, 2)
    held_out, truth = rings(2000, 3)
    made = hidden_plan(1500, 3, settings=small(steps=60, hidden_units=8))
    network = train_clear_twin(made, X, labels, None)
    g = made.circuit.activation(held_out @ network.first.T)
    curved = ((g @ network.second.T).argmax(axis=1) == truth).mean()
    linear_plan = softmax_plan(1500, 3, 3, steps=60)
    linear = ((held_out @ train_linear_twin(linear_plan, X, labels, None).T).argmax(axis=1) == truth).mean()
    assert curved > 0.8
    assert curved > linear + 0.2


def test_the_twin_learns_with_noise() -> None:
    X, labels = rings(30_000, 4)
    held_out, truth = rings(2000, 5)
    made = hidden_plan(30_000, 3, settings=small(steps=20, hidden_units=6), epsilon=2.0)
    network = train_clear_twin(made, X, labels, random.Random(6))
    g = made.circuit.activation(held_out @ network.first.T)
    assert ((g @ network.second.T).argmax(axis=1) == truth).mean() > 0.5


def _by_lapack(matrix: np.ndarray, radius: float) -> np.ndarray:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return (left * np.minimum(values, radius)) @ right
