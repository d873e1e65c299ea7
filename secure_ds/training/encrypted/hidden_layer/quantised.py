"""The integers that stand for a network's weights on their way into the circuit."""

from secure_ds.ckks.hidden_layer.plan import HiddenCircuit
from secure_ds.ckks.matrices import IntegerMatrix, quantise_filled
from secure_ds.training.encrypted.hidden_layer.network import Network


def quantise_network(network: Network, circuit: HiddenCircuit) -> tuple[IntegerMatrix, IntegerMatrix | None]:
    """Return the integers for W1, no row all zeros, and for W2, no column all zeros; None for W2 = 0.

    Raises:
        EvaluationRefused: as `matrices.quantise_matrix`.
    """
    shape, scales = circuit.shape, circuit.scales
    first = quantise_filled(network.first, shape.first, shape.first_radius, scales.first_weights)
    if not network.second.any():
        return first, None
    columns = quantise_filled(network.second.T, shape.second[::-1], shape.second_radius, scales.second_weights)
    return first, tuple(zip(*columns, strict=True))
