"""The client's encrypted predictions against the real service: what comes back is the network's, within the bound."""

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.layers.polynomials import SQUARE
from secure_ds.ckks.network import Activation, Linear, Network
from secure_ds.ckks.network_files import write_network
from secure_ds.client.client import Client
from secure_ds.client.encrypted_prediction import predict_encrypted
from secure_ds.client.errors import InvalidInputs
from secure_ds.client.trained_network import network_of
from secure_ds.core.principal import Role
from secure_ds.training.encrypted.model_file import TrainedModel
from secure_ds.wire.predictions import NetworkCreate
from tests.api.served import Served
from tests.ckks.networks import exact, weights

RNG = np.random.default_rng(9)
NETWORK = Network((3,), 0.0, 1.0, (Linear(weights(RNG, 4, 3)), Activation(SQUARE), Linear(weights(RNG, 2, 4))))


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    token = served.token("emil", Role.ML_ENGINEER)
    with Client("http://localhost", token, transport=httpx.WSGITransport(served.app)) as client:
        yield client


def handed_in(client: Client, network: Network) -> str:
    file = base64.b64encode(write_network(network)).decode()
    return client.register_network(NetworkCreate(name="network", file=file)).id


def test_outputs_come_back_within_the_proven_error(served: Served, client: Client) -> None:
    X = RNG.uniform(0, 1, size=(40, 3))
    asked = handed_in(client, NETWORK)
    found = predict_encrypted(client, asked, X, max_error=1e-3, sleep=lambda seconds: served.installation.run())
    assert np.abs(found.outputs - exact(NETWORK, X)).max() <= found.error <= 1e-3
    assert found.bytes_up > found.bytes_down > 0 and found.batch >= 2048
    assert found.latency > found.seconds["evaluate"] > 0


@pytest.mark.parametrize("X", [np.ones((1, 2)), np.full((1, 3), 1.5), np.full((1, 3), np.nan), np.ones((0, 3))])
def test_inputs_that_the_network_was_not_declared_for_never_leave(client: Client, X: np.ndarray) -> None:
    with pytest.raises(InvalidInputs):
        predict_encrypted(client, handed_in(client, NETWORK), X)


def test_a_linear_model_becomes_a_network_with_its_scores() -> None:
    W = RNG.normal(size=(3, 5))
    model = TrainedModel("linear", {"weights": W}, ("a", "b", "c"), {}, "sha256:" + "0" * 64)
    X = RNG.uniform(-1, 1, size=(6, 5))
    np.testing.assert_allclose(exact(network_of(model), X), X @ W.T, rtol=1e-5, atol=1e-6)
    other = TrainedModel("hidden_layer", {"weights": W}, ("a", "b"), {}, "sha256:" + "0" * 64)
    with pytest.raises(InvalidNetwork, match="no single linear layer"):
        network_of(other)
