"""The clear half of encrypted logistic regression: weights from answers, and the circuit's twin without encryption.

Rules kept here:
1. Weights are a pure function of the plan and the stored answers: a crash, another worker or the custodian's own check
   gets the same bits. Only IEEE operations that are exact or correctly rounded are used (elementwise, `fsum`, `sqrt`);
   no BLAS reduction, whose order differs between machines.
2. Every weight vector has |w|_2 <= R, with room for the last rounding, as the sensitivity proof asks. The circuit cuts
   it towards zero to integers (`secure_ds.ckks.weights.quantise`), which never lengthens it; so does the twin.
3. Nothing here sees a record, except the twin, which is for tests, benchmarks and owners with their own records.
"""

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import fsum, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from secure_ds.ckks import clear_twin
from secure_ds.ckks.weights import quantise
from secure_ds.privacy.discrete_gaussian import RandomBits, sample_discrete_gaussian
from secure_ds.training.encrypted.plan import EncryptedPlan

FloatArray = npt.NDArray[np.float64]

WEIGHTS_TAG: Final = b"secure-ds/weights/1\n"
_INSIDE = 1 - 2.0**-40  # keeps the norm at most R after the last rounding


def weights_after(plan: EncryptedPlan, answers: Iterable[Sequence[int]]) -> FloatArray:
    """Return the weights that follow from the first answers of a job.

    Heavy ball: u <- momentum * u + g / n, w <- project(w - learning_rate * u), from w = u = 0.

    Args:
        plan: the job's plan.
        answers: one sequence of `n_features` integers per step, on the public grid; any number of steps.

    Returns:
        (n_features,) float64 with |w|_2 <= radius. The same bits on every machine.

    Raises:
        ValueError: an answer does not have one integer per feature.
    """
    settings = plan.settings
    weights = np.zeros(plan.facts.n_features)
    velocity = np.zeros(plan.facts.n_features)
    for answer in answers:
        velocity = settings.momentum * velocity + _mean_gradient(plan, answer)
        weights = project(weights - settings.learning_rate * velocity, settings.radius)
    return weights


def project(weights: FloatArray, radius: float) -> FloatArray:
    """Return the nearest weights in a ball just inside that radius, so that the exact norm is at most the radius."""
    length, inside = sqrt(fsum((weights * weights).tolist())), radius * _INSIDE
    return weights * (inside / length) if length > inside else weights


def weights_digest(weights: FloatArray) -> str:
    """Return the digest string that binds a decryption to the weights it was computed at."""
    body = np.ascontiguousarray(weights, dtype="<f8").tobytes()
    return "sha256:" + hashlib.sha256(WEIGHTS_TAG + body).hexdigest()


def scores(weights: FloatArray, X: FloatArray) -> FloatArray:
    """Return z = X w, shape (n,), for records that went through the data set's feature map, (n, n_features)."""
    return X @ weights


def predict(weights: FloatArray, X: FloatArray) -> npt.NDArray[np.int64]:
    """Return labels 0 or 1, shape (n,); a score of exactly 0 is 0."""
    return (scores(weights, X) > 0).astype(np.int64)


def clear_gradient(
    plan: EncryptedPlan, weights: FloatArray, X: FloatArray, labels: npt.NDArray[np.int64]
) -> FloatArray:
    """Return sum_i (p(w . x_i) - y_i) x_i, the sum that the circuit computes, in float64; w as the circuit cuts it.

    Args:
        plan: the plan, whose cubic p is used.
        weights: (n_features,).
        X: (n, n_features) records in the unit ball.
        labels: (n,) of 0 and 1.
    """
    return clear_twin.step(X, labels.astype(np.float64) - 0.5, quantise(weights, plan.circuit), plan.circuit)


def train_clear_twin(
    plan: EncryptedPlan, X: FloatArray, labels: npt.NDArray[np.int64], noise: RandomBits | None
) -> FloatArray:
    """Run the job in the clear: the same grid of answers, noise and update, without encryption or its error.

    Args:
        plan: the job's plan.
        X: (n, n_features) records in the unit ball, bias last.
        labels: (n,) of 0 and 1.
        noise: source of the discrete Gaussian; None adds none, and the result is then not private.

    Returns:
        (n_features,) weights. Sensitive where `noise` is None.
    """
    answers: list[list[int]] = []
    for _ in range(plan.steps):
        gradient = clear_gradient(plan, weights_after(plan, answers), X, labels)
        answers.append(_answer(plan, gradient, noise))
    return weights_after(plan, answers)


def _mean_gradient(plan: EncryptedPlan, answer: Sequence[int]) -> FloatArray:
    if len(answer) != plan.facts.n_features:
        raise ValueError(f"an answer has {plan.facts.n_features} integers, one per feature, got {len(answer)}")
    return np.array([plan.from_release_grid(value) for value in answer]) / plan.normaliser


def _answer(plan: EncryptedPlan, gradient: FloatArray, noise: RandomBits | None) -> list[int]:
    scale = Fraction(plan.circuit.answer_scale)
    exact = [round(Fraction(value) * scale) for value in gradient.tolist()]
    drawn = [0] * len(exact) if noise is None else sample_discrete_gaussian(plan.noise_variance, len(exact), noise)
    return [plan.to_release_grid(value + extra) for value, extra in zip(exact, drawn, strict=True)]
