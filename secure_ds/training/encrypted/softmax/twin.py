"""The circuit's twin in the clear: the same weights, noise, grid and update, without encryption or its error.

For tests, benchmarks and owners with their own records.
"""

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.matrices import quantise_matrix
from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.training.encrypted.clear import clear_mean_gradient, label_vectors
from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan
from secure_ds.training.encrypted.softmax.update import weights_after

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def clear_gradient(plan: SoftmaxPlan, weights: FloatArray, X: FloatArray, labels: Labels) -> FloatArray:
    """Return sum_i (a W x_i + 1/c - y_i) x_i^T, the (c, d) sum that the circuit computes, W as the circuit cuts it.

    Args:
        plan: the plan.
        weights: (c, d), of spectral norm at most the radius.
        X: (n, d) records in the unit ball.
        labels: (n,) of 0 to c - 1.
    """
    circuit = plan.circuit
    integers = quantise_matrix(weights, plan.shape, circuit.radius, circuit.scales.weights)
    cut = np.array(integers, dtype=np.float64) / circuit.scales.weights
    residuals = circuit.slope * (X @ cut.T) - label_vectors(labels, plan.facts.n_classes)
    return residuals.T @ X


def train_clear_twin(plan: SoftmaxPlan, X: FloatArray, labels: Labels, noise: RandomBits | None) -> FloatArray:
    """Run the job in the clear.

    Args:
        plan: the job's plan.
        X: (n, d) records in the unit ball, bias last.
        labels: (n,) of 0 to c - 1.
        noise: source of the discrete Gaussian; None adds none, and the result is then not private.

    Returns:
        (c, d) weights. Sensitive where `noise` is None.
    """
    gradients: list[FloatArray] = []
    for step in range(plan.steps):
        sums = clear_gradient(plan, weights_after(plan.settings, plan.shape, gradients), X, labels)
        gradients.append(clear_mean_gradient(plan, step, sums.ravel(), noise))
    return weights_after(plan.settings, plan.shape, gradients)
