"""Network files: what is written reads back to the same bytes; everything else is refused."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.network import Activation, Linear, Network
from secure_ds.ckks.network_files import read_network, write_network
from tests.ckks.networks import small_networks


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_networks())
def test_a_network_survives_its_file(network: Network) -> None:
    data = write_network(network)
    again = read_network(data)
    assert write_network(again) == data
    assert again.shapes == network.shapes
    assert (again.low, again.high) == (network.low, network.high)
    for left, right in zip(network.layers, again.layers, strict=True):
        if isinstance(left, Activation):
            assert left == right
        elif isinstance(left, Linear):
            assert isinstance(right, Linear) and (left.weight == right.weight).all()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_mutated_file_is_refused_or_another_network(data: st.DataObject) -> None:
    file = bytearray(write_network(Network((2,), 0, 1, (Linear(np.ones((1, 2), np.float32)),))))
    index = data.draw(st.integers(0, len(file) - 1))
    file[index] ^= data.draw(st.integers(1, 255))
    try:
        network = read_network(bytes(file))
    except InvalidNetwork:
        return
    assert write_network(network) == bytes(file)


@pytest.mark.parametrize("data", [b"", b"x" * 100, save({}), save({"a": np.ones(1)}, metadata={"network": "[]"})])
def test_other_files_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidNetwork):
        read_network(data)


def test_layers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidNetwork, match=r"Linear takes \(3,\), gets \(2,\)"):
        Network((2,), 0, 1, (Linear(np.ones((1, 3), np.float32)),))
