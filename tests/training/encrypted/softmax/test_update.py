"""Matrices of weights are a pure function of the answers, inside the spectral ball; the twin runs in the clear."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.training.encrypted.plan import state_digest
from secure_ds.training.encrypted.softmax.rule import SoftmaxSettings
from secure_ds.training.encrypted.softmax.twin import clear_gradient, train_clear_twin
from secure_ds.training.encrypted.softmax.update import weights_after
from tests.training.encrypted.softmax.examples import blobs, softmax_plan

PLAN = softmax_plan(n_records=3000, steps=8)
COUNT = PLAN.shape[0] * PLAN.shape[1]
answers = st.lists(st.lists(st.integers(-(2**40), 2**40), min_size=COUNT, max_size=COUNT), max_size=6)


@given(answers)
@settings(max_examples=40, deadline=None)
def test_weights_never_leave_the_spectral_ball_and_follow_from_the_answers_alone(
    given_answers: list[list[int]],
) -> None:
    weights = PLAN.state_after(given_answers)
    assert np.linalg.norm(weights.reshape(PLAN.shape), 2) <= PLAN.settings.radius
    again = softmax_plan(n_records=3000, steps=8).state_after([tuple(answer) for answer in given_answers])
    assert weights.tobytes() == again.tobytes()


def test_the_same_bits_on_every_machine() -> None:
    """A golden value: whoever recomputes a model elsewhere must find these bytes."""
    descent = SoftmaxSettings(steps=3, radius=2.0, learning_rate=1.75, momentum=0.9)
    gradients = [np.array([(5 * i * i + 3 * step) % 17 - 8.0 for i in range(15)]) / 7 for step in range(3)]
    digest = state_digest(weights_after(descent, (3, 5), gradients))
    assert digest == "sha256:35445efc9e0e1fd384dc41506305b04eb6670d9881b0678447a8e03522543137"


def test_an_answer_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=f"{COUNT} integers, got 5"):
        PLAN.state_after([[1, 2, 3, 4, 5]])


def test_the_twin_without_noise_is_projected_gradient_descent() -> None:
    """Against plain floats and LAPACK's projection."""
    X, labels = blobs(3000, 6, 4, 1)
    W, velocity = np.zeros(PLAN.shape), np.zeros(PLAN.shape)
    for _ in range(PLAN.steps):
        velocity = PLAN.settings.momentum * velocity + clear_gradient(PLAN, W, X, labels) / 3000
        left, values, right = np.linalg.svd(W - PLAN.settings.learning_rate * velocity, full_matrices=False)
        W = (left * np.minimum(values, PLAN.settings.radius * (1 - 1e-12))) @ right
    assert np.abs(train_clear_twin(PLAN, X, labels, None) - W).max() < 1e-6


def test_the_twin_learns_with_noise() -> None:
    X, labels = blobs(3000, 6, 4, 2)
    held_out, truth = blobs(2000, 6, 4, 3)
    clean = ((held_out @ train_clear_twin(PLAN, X, labels, None).T).argmax(axis=1) == truth).mean()
    private = ((held_out @ train_clear_twin(PLAN, X, labels, random.Random(4)).T).argmax(axis=1) == truth).mean()
    assert clean > 0.8
    assert private > clean - 0.05
