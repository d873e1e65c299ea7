"""Scores and labels of trained models in the clear."""

import numpy as np

from secure_ds.training.encrypted.model_file import TrainedModel
from secure_ds.training.encrypted.prediction import labels, scores


def _linear(weights: list[list[float]]) -> TrainedModel:
    return TrainedModel("linear", {"weights": np.array(weights)}, ("a", "b"), {}, "sha256:" + 64 * "0")


def test_two_classes_have_one_score_and_zero_means_the_first() -> None:
    found = scores(_linear([[2.0, -1.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    assert found.tolist() == [[2.0], [-1.0], [0.0]]
    assert labels(found).tolist() == [1, 0, 0]


def test_of_several_classes_the_largest_score_wins() -> None:
    found = scores(_linear([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), np.array([[0.5, 0.1], [-1.0, 0.2], [-1.0, 2.0]]))
    assert labels(found).tolist() == [0, 2, 1]
