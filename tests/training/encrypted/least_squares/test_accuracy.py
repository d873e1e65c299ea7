"""Accuracy of the twin on real records that did not choose the rule."""

import random

import numpy as np
from sklearn.datasets import load_wine

from secure_ds.ckks.record_grid import on_grid
from secure_ds.training.encrypted.least_squares.moments import exact_units
from secure_ds.training.encrypted.least_squares.twin import clear_answer, exact_weights
from tests.training.encrypted.breast_cancer import N_FEATURES, N_TRAIN, split
from tests.training.encrypted.least_squares.examples import plan


def test_breast_cancer_at_epsilon_one() -> None:
    """Mean over 10 splits and draws; 91.8 % seen, with a standard error of 0.8."""
    made, private = plan(N_TRAIN, N_FEATURES, 2), []
    for seed in range(10):
        data = split(seed)
        answer = clear_answer(made, on_grid(data.train), data.train_labels, random.Random(seed))
        private.append(((data.test @ made.state_after([answer]) > 0) == data.test_labels).mean())
    assert np.mean(private) > 0.88


def test_exact_statistics_classify_wine_as_well_as_anything() -> None:
    wine = load_wine()
    centred = (wine.data - wine.data.mean(axis=0)) / wine.data.std(axis=0)
    X = np.hstack([centred, np.ones((len(centred), 1))])
    X = on_grid(X / np.linalg.norm(X, axis=1, keepdims=True))
    made = plan(len(X), X.shape[1], 3)
    weights = exact_weights(made, exact_units(made.circuit, X, wine.target))
    assert ((X @ weights.T).argmax(axis=1) == wine.target).mean() > 0.98
