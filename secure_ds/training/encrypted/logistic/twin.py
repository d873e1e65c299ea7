"""The circuit's twin in the clear: the same grid of answers, noise and update, without encryption or its error.

For tests, benchmarks and owners with their own records: nothing else in the project sees a record in the clear.
"""

import numpy as np
import numpy.typing as npt

from secure_ds.ckks import clear_twin
from secure_ds.ckks.weights import quantise
from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.training.encrypted.clear import clear_mean_gradient
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.logistic.update import weights_after

FloatArray = npt.NDArray[np.float64]


def clear_gradient(plan: LogisticPlan, weights: FloatArray, X: FloatArray, labels: npt.NDArray[np.int64]) -> FloatArray:
    """Return sum_i (p(w . x_i) - y_i) x_i, the sum that the circuit computes, in float64; w as the circuit cuts it.

    Args:
        plan: the plan, whose cubic p is used.
        weights: (n_features,).
        X: (n, n_features) records in the unit ball.
        labels: (n,) of 0 and 1.
    """
    return clear_twin.step(X, labels.astype(np.float64) - 0.5, quantise(weights, plan.circuit), plan.circuit)


def train_clear_twin(
    plan: LogisticPlan, X: FloatArray, labels: npt.NDArray[np.int64], noise: RandomBits | None
) -> FloatArray:
    """Run the job in the clear.

    Args:
        plan: the job's plan.
        X: (n, n_features) records in the unit ball, bias last.
        labels: (n,) of 0 and 1.
        noise: source of the discrete Gaussian; None adds none, and the result is then not private.

    Returns:
        (n_features,) weights. Sensitive where `noise` is None.
    """
    gradients: list[FloatArray] = []
    for step in range(plan.steps):
        sums = clear_gradient(plan, _weights(plan, gradients), X, labels)
        gradients.append(clear_mean_gradient(plan, step, sums, noise))
    return _weights(plan, gradients)


def _weights(plan: LogisticPlan, gradients: list[FloatArray]) -> FloatArray:
    return weights_after(plan.settings, plan.facts.n_features, gradients)
