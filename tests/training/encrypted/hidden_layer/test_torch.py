"""Torch differentiates the same polynomial network: the clear gradients are its own, the encrypted ones within beta."""

from collections.abc import Callable

import numpy as np
import torch

from secure_ds.ckks.hidden_layer.plan import HiddenCircuit
from secure_ds.ckks.matrices import IntegerMatrix
from secure_ds.ckks.profiles import STRONG
from secure_ds.training.encrypted.hidden_layer.network import Network
from secure_ds.training.encrypted.hidden_layer.quantised import quantise_network
from secure_ds.training.encrypted.hidden_layer.twin import clear_gradients
from secure_ds.training.encrypted.spectral import project_spectral
from tests.ckks.circuits import keyed
from tests.ckks.hidden_layer.circuits import decrypted_gradients, loaded_network
from tests.ckks.softmax.circuits import ClassRecords
from tests.training.encrypted.hidden_layer.examples import hidden_plan, rings, small


class PolynomialNetwork(torch.nn.Module):
    """W2 g(W1 x) in double precision."""

    def __init__(self, circuit: HiddenCircuit, first: IntegerMatrix, second: IntegerMatrix) -> None:
        super().__init__()
        self.first = torch.nn.Parameter(torch.tensor(first, dtype=torch.float64) / circuit.scales.first_weights)
        self.second = torch.nn.Parameter(torch.tensor(second, dtype=torch.float64) / circuit.scales.second_weights)
        self.activation: Callable[[torch.Tensor], torch.Tensor] = lambda u: (
            circuit.activation.linear * u + circuit.activation.square * u * u
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(x @ self.first.T) @ self.second.T


def by_torch(circuit: HiddenCircuit, network: Network, records: ClassRecords) -> tuple[np.ndarray, np.ndarray]:
    first, second = quantise_network(network, circuit)
    assert second is not None
    model = PolynomialNetwork(circuit, first, second)
    (0.5 * ((model(torch.tensor(records.X)) - torch.tensor(records.V)) ** 2).sum()).backward()
    assert model.first.grad is not None
    assert model.second.grad is not None
    return model.first.grad.numpy(), model.second.grad.numpy()


def test_gradients_of_clear_twin_and_ciphertexts_are_torch_s() -> None:
    made, rng = hidden_plan(500, 3, settings=small()), np.random.default_rng(2)
    X, labels = rings(500, 1)
    records = ClassRecords(X, np.eye(3)[labels] - 1 / 3)
    network = Network(
        project_spectral(rng.normal(size=made.circuit.shape.first) * 9, made.settings.first_radius),
        project_spectral(rng.normal(size=made.circuit.shape.second) * 9, made.settings.second_radius),
    )
    first, second = by_torch(made.circuit, network, records)
    clear = clear_gradients(made, network, X, labels)
    assert np.abs(clear.first - first).max() < 1e-9
    assert np.abs(clear.second - second).max() < 1e-9
    evaluator = loaded_network(keyed(STRONG), records, made.circuit)
    answer = evaluator.step(*quantise_network(network, made.circuit))
    found = decrypted_gradients(keyed(STRONG), answer, made.circuit)
    distance = np.hypot(np.linalg.norm(found[0] - first), np.linalg.norm(found[1] - second))
    assert distance <= made.circuit.beta < 1e-4
