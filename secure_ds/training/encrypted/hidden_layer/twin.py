"""The circuit's twin in the clear: the same weights, noise, grid and update, without encryption or its error.

For tests, benchmarks and owners with their own records.
"""

import numpy as np
import numpy.typing as npt

from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.training.encrypted.clear import clear_mean_gradient, label_vectors
from secure_ds.training.encrypted.hidden_layer.network import Network
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan
from secure_ds.training.encrypted.hidden_layer.quantised import quantise_network

FloatArray = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def clear_gradients(plan: HiddenLayerPlan, network: Network, X: FloatArray, labels: Labels) -> Network:
    """Return the gradients of 1/2 sum_i ||W2 g(W1 x_i) - v_i||^2 that the circuit computes, weights as it cuts them.

    Args:
        plan: the plan, whose activation g is used.
        network: weights in both balls.
        X: (n, d) records in the unit ball.
        labels: (n,) of 0 to c - 1.
    """
    circuit = plan.circuit
    first, second = quantise_network(network, circuit)
    W1 = np.array(first, dtype=np.float64) / circuit.scales.first_weights
    W2 = np.array(second or np.zeros(circuit.shape.second), dtype=np.float64) / circuit.scales.second_weights
    u = X @ W1.T
    g = circuit.activation(u)
    residuals = g @ W2.T - label_vectors(labels, plan.facts.n_classes)
    return Network(((residuals @ W2) * circuit.activation.derivative(u)).T @ X, residuals.T @ g)


def train_clear_twin(plan: HiddenLayerPlan, X: FloatArray, labels: Labels, noise: RandomBits | None) -> Network:
    """Run the job in the clear.

    Args:
        plan: the job's plan.
        X: (n, d) records in the unit ball, bias last.
        labels: (n,) of 0 to c - 1.
        noise: source of the discrete Gaussian; None adds none, and the result is then not private.

    Returns:
        Weights. Sensitive where `noise` is None.
    """
    gradients: list[FloatArray] = []
    for step in range(plan.steps):
        sums = clear_gradients(plan, plan.network_from(gradients), X, labels)
        released = np.concatenate([sums.second.ravel(), sums.first.ravel() if step else np.zeros(0)])
        gradients.append(clear_mean_gradient(plan, step, released, noise))
    return plan.network_from(gradients)
