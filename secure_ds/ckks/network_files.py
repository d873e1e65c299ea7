"""A network as one file: safetensors for the weights, JSON for everything else. Nothing in it can run.

Rules kept here:
  1. One network has one file: canonical JSON under one metadata key, weights `0.weight`, `0.bias`, ... in 32 bits.
     `read_network` refuses a file that is not what `write_network` makes of what it holds.
  2. Numbers that must be exact are hexadecimal doubles.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, cast

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.network import Activation, AveragePool2d, Conv2d, Flatten, Layer, Linear, Network, Weights

NETWORK_FORMAT: Final = "secure-ds/network/1"
MAX_FILE_BYTES: Final = 64 << 20
_KEY: Final = "network"
_HEADER_LENGTH: Final = 8

Arrays = dict[str, Weights]
Pair = tuple[int, int]


def write_network(network: Network) -> bytes:
    """Return the file of a network."""
    arrays: Arrays = {}
    layers = [_layer_to_json(index, layer, arrays) for index, layer in enumerate(network.layers)]
    value = {
        "format": NETWORK_FORMAT,
        "input_shape": list(network.input_shape),
        "low": float(network.low).hex(),
        "high": float(network.high).hex(),
        "layers": layers,
    }
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return save(arrays, metadata={_KEY: text})


def read_network(data: bytes) -> Network:
    """Read the file of a network.

    Raises:
        InvalidNetwork: it is none, describes layers that do not fit, or is not written as `write_network` writes.
    """
    if len(data) > MAX_FILE_BYTES:
        raise InvalidNetwork(f"a network's file has {MAX_FILE_BYTES} bytes at most, got {len(data)}")
    try:
        arrays, value = load(data), json.loads(_metadata(data)[_KEY])
        network = _network_from_json(value, arrays)
    except (SafetensorError, KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise InvalidNetwork(f"not a network's file: {error}") from error
    if write_network(network) != data:
        raise InvalidNetwork("a network's file must be written as write_network writes it, with nothing besides")
    return network


def _metadata(data: bytes) -> Mapping[str, str]:
    length = int.from_bytes(data[:_HEADER_LENGTH], "little")
    header = json.loads(data[_HEADER_LENGTH : _HEADER_LENGTH + length])
    return cast(Mapping[str, str], header["__metadata__"])


def _network_from_json(value: Mapping[str, object], arrays: Arrays) -> Network:
    if value["format"] != NETWORK_FORMAT:
        raise ValueError(f"format must be {NETWORK_FORMAT}, got {value['format']}")
    layers = cast(list[Mapping[str, object]], value["layers"])
    return Network(
        tuple(_integers(value["input_shape"])),
        _real(value["low"]),
        _real(value["high"]),
        tuple(_layer_from_json(index, layer, arrays) for index, layer in enumerate(layers)),
    )


def _layer_to_json(index: int, layer: Layer, arrays: Arrays) -> dict[str, object]:
    if isinstance(layer, Linear | Conv2d):
        arrays[f"{index}.weight"] = np.ascontiguousarray(layer.weight)
        if layer.bias is not None:
            arrays[f"{index}.bias"] = np.ascontiguousarray(layer.bias)
    if isinstance(layer, Conv2d):
        return {"type": "conv2d", "stride": list(layer.stride), "padding": list(layer.padding)}
    if isinstance(layer, AveragePool2d):
        return {"type": "average_pool2d", "kernel": list(layer.kernel), "stride": list(layer.stride)}
    if isinstance(layer, Activation):
        polynomial = layer.polynomial
        interval = None if polynomial.interval is None else polynomial.interval.hex()
        coefficients = [float(coefficient).hex() for coefficient in polynomial.coefficients]
        return {
            "type": "polynomial",
            "coefficients": coefficients,
            "interval": interval,
            "error": polynomial.error.hex(),
        }
    return {"type": "linear" if isinstance(layer, Linear) else "flatten"}


def _layer_from_json(index: int, value: Mapping[str, object], arrays: Arrays) -> Layer:
    kind = value["type"]
    if kind == "linear":
        return Linear(arrays[f"{index}.weight"], arrays.get(f"{index}.bias"))
    if kind == "conv2d":
        stride, padding = _pair(value["stride"]), _pair(value["padding"])
        return Conv2d(arrays[f"{index}.weight"], arrays.get(f"{index}.bias"), stride, padding)
    if kind == "average_pool2d":
        return AveragePool2d(_pair(value["kernel"]), _pair(value["stride"]))
    if kind == "polynomial":
        coefficients = tuple(_real(entry) for entry in cast(list[object], value["coefficients"]))
        interval = None if value["interval"] is None else _real(value["interval"])
        return Activation(Polynomial(coefficients, interval, _real(value["error"])))
    if kind == "flatten":
        return Flatten()
    raise ValueError(f"there is no layer of type {kind!r}")


def _integers(value: object) -> list[int]:
    if not isinstance(value, list) or not all(type(entry) is int and 0 <= entry < 1 << 20 for entry in value):
        raise TypeError("expected a list of small whole numbers")
    return value


def _pair(value: object) -> Pair:
    first, second = _integers(value)
    return first, second


def _real(value: object) -> float:
    if not isinstance(value, str):
        raise TypeError("expected a hexadecimal double")
    return float.fromhex(value)
