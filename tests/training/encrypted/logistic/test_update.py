"""Weights are a pure function of the answers, inside the ball; the twin runs the job in the clear."""

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy import stats

from secure_ds.ckks.weights import quantise
from secure_ds.training.encrypted.logistic.rule import Settings
from secure_ds.training.encrypted.logistic.twin import clear_gradient, train_clear_twin
from secure_ds.training.encrypted.logistic.update import weights_after
from secure_ds.training.encrypted.plan import state_digest
from tests.training.encrypted.examples import plan

PLAN = plan(2000, 6, steps=12)
answers = st.lists(st.lists(st.integers(-(2**40), 2**40), min_size=6, max_size=6), max_size=12)


def _blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two overlapping classes in the unit ball, bias last."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    X = np.hstack([0.3 * generator.standard_normal((n, 5)) + 0.25 * (2 * labels[:, None] - 1), np.full((n, 1), 0.5)])
    return X / np.maximum(1, np.linalg.norm(X, axis=1, keepdims=True)), labels


@given(answers)
@examples(max_examples=60)
def test_weights_never_leave_the_ball_even_as_the_circuit_cuts_them(given_answers: list[list[int]]) -> None:
    weights = PLAN.state_after(given_answers)
    square = Fraction(PLAN.settings.radius) ** 2
    assert sum(Fraction(w) ** 2 for w in weights.tolist()) <= square
    assert sum(Fraction(k, PLAN.circuit.scales.weights) ** 2 for k in quantise(weights, PLAN.circuit)) <= square


@given(answers)
@examples(max_examples=30)
def test_weights_are_a_function_of_the_answers_alone(given_answers: list[list[int]]) -> None:
    first, second = (plan(2000, 6, steps=12).state_after([tuple(a) for a in given_answers]) for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_weights_start_at_zero_and_go_against_the_first_answer() -> None:
    assert not PLAN.state_after([]).any()
    assert (np.sign(PLAN.state_after([[5000, -5000, 9000, 0, 1, -9000]])) == [-1, 1, -1, 0, -1, 1]).all()


def test_golden_weights() -> None:
    """Only the numbers that weights depend on, so that no change elsewhere moves the golden value."""
    settings = Settings(steps=3, radius=4.0, learning_rate=14.0, momentum=0.9)
    answers = [[100, -2000, 77], [31, 40, -59], [3, 1, 4000]]
    weights = weights_after(settings, 3, [np.array(answer) * 7 / 1000 / 100 for answer in answers])
    expected = ["-0x1.948f57e260a62p-3", "0x1.95d21dc32406fp+1", "-0x1.372656cc34e72p+1"]  # by plain Python floats
    assert [w.hex() for w in weights.tolist()] == expected
    assert state_digest(weights) == "sha256:91b1ba9e2ad29b210fd2190f9ba75106d86782fb9712389eed4ad9825273121a"


def test_an_answer_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="an answer has 6 integers, got 5"):
        PLAN.state_after([[1, 2, 3, 4, 5]])


def test_the_twin_follows_the_public_sums() -> None:
    """Without noise the twin is gradient descent on the cubic; compare with plain floats."""
    X, labels = _blobs(2000, 1)
    weights, velocity = np.zeros(6), np.zeros(6)
    for _ in range(PLAN.steps):
        velocity = PLAN.settings.momentum * velocity + clear_gradient(PLAN, weights, X, labels) / 2000
        weights = weights - PLAN.settings.learning_rate * velocity
        weights *= min(1.0, PLAN.settings.radius / max(float(np.linalg.norm(weights)), 1e-9))
    assert np.abs(train_clear_twin(PLAN, X, labels, None) - weights).max() < 0.02


def test_the_twin_learns_with_noise() -> None:
    X, labels = _blobs(2000, 2)
    held_out, truth = _blobs(2000, 3)
    clean = ((held_out @ train_clear_twin(PLAN, X, labels, None) > 0) == truth).mean()
    private = ((held_out @ train_clear_twin(PLAN, X, labels, random.Random(4)) > 0) == truth).mean()
    assert clean > 0.9
    assert private > clean - 0.03


def test_the_noise_of_an_answer_has_the_planned_deviation() -> None:
    """Chi-square of 200 one-step jobs against sigma; a correct twin fails with probability 1e-6."""
    made = plan(2000, 6, steps=1, learning_rate=0.5, radius=16.0)
    X, labels = _blobs(2000, 5)
    exact = -0.5 * clear_gradient(made, np.zeros(6), X, labels) / 2000
    seen = np.array([train_clear_twin(made, X, labels, random.Random(seed)) for seed in range(200)])
    deviations = (seen - exact) / (0.5 * made.sigma / 2000)
    low, high = stats.chi2.interval(1 - 1e-6, deviations.size)
    assert low < (deviations**2).sum() < high
