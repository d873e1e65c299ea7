"""Torch modules to networks that ciphertexts can pass through, and back.

Rules kept here:
  1. Only whoever converts a model imports this module: no process of the service does.
  2. What is converted is exact: weights keep their 32 bits in both directions, and the module with the same weights in
     the clear is the network's oracle.
  3. A layer that is not supported is refused by its name and class, with what could stand in its place.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import nn

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.network import Activation, AveragePool2d, Conv2d, Flatten, Layer, Linear, Network, Weights

_INSTEAD: Final = {
    "ReLU": "a PolynomialActivation, for example the square, trained as such",
    "GELU": "a PolynomialActivation, for example one fitted by fit_chebyshev",
    "Sigmoid": "a PolynomialActivation fitted by fit_least_squares with parity 'any', or nothing at the very end",
    "Softmax": "nothing: apply it to the decrypted outputs",
    "MaxPool2d": "AvgPool2d",
    "BatchNorm2d": "its scale and shift folded into the convolution before it (torch.nn.utils.fusion)",
    "BatchNorm1d": "its scale and shift folded into the linear layer before it (torch.nn.utils.fusion)",
    "Dropout": "nothing: it does nothing at prediction, leave it out",
}


class PolynomialActivation(nn.Module):
    """A polynomial, elementwise, as a layer of a torch model.

    Attributes:
        polynomial: the polynomial.
    """

    def __init__(self, polynomial: Polynomial) -> None:
        super().__init__()
        self.polynomial = polynomial

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Evaluate it by Horner's rule."""
        result = torch.full_like(z, self.polynomial.coefficients[-1])
        for coefficient in reversed(self.polynomial.coefficients[:-1]):
            result = result * z + coefficient
        return result

    def extra_repr(self) -> str:
        """Show the coefficients."""
        return str(self.polynomial.coefficients)


def to_network(module: nn.Sequential, input_shape: tuple[int, ...], *, low: float, high: float) -> Network:
    """Convert a sequential model of supported layers.

    Args:
        module: layers Linear, Conv2d, AvgPool2d, Flatten and `PolynomialActivation`.
        input_shape: shape of one record, (features,) or (channels, height, width).
        low: least value of any input number.
        high: largest value of any input number.

    Raises:
        InvalidNetwork: a layer is not supported, or the layers do not fit each other.
    """
    if not isinstance(module, nn.Sequential):
        raise InvalidNetwork(f"only torch.nn.Sequential converts, got {type(module).__name__}")
    layers = tuple(_to_layer(name, layer) for name, layer in module.named_children())
    return Network(input_shape, low, high, layers)


def to_module(network: Network) -> nn.Sequential:
    """Return the torch model of a network, with equal weights."""
    return nn.Sequential(*(_to_module(layer) for layer in network.layers))


def _to_layer(name: str, layer: nn.Module) -> Layer:
    if type(layer) is nn.Linear:
        return Linear(_numbers(layer.weight), _bias(layer.bias))
    if type(layer) is nn.Conv2d:
        return _to_convolution(name, layer)
    if type(layer) is nn.AvgPool2d:
        return _to_pooling(name, layer)
    if type(layer) is nn.Flatten and layer.start_dim == 1 and layer.end_dim == -1:
        return Flatten()
    if type(layer) is PolynomialActivation:
        return Activation(layer.polynomial)
    kind = type(layer).__name__
    instead = _INSTEAD.get(kind, "one of Linear, Conv2d, AvgPool2d, Flatten, PolynomialActivation")
    raise InvalidNetwork(f"layer {name!r} ({kind}) cannot be evaluated on ciphertexts; use {instead}")


def _to_convolution(name: str, layer: nn.Conv2d) -> Conv2d:
    is_plain = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    if not is_plain or isinstance(layer.padding, str):
        raise InvalidNetwork(f"layer {name!r} (Conv2d) needs groups = 1, dilation = 1 and padding in whole numbers")
    return Conv2d(_numbers(layer.weight), _bias(layer.bias), _pair(layer.stride), _pair(layer.padding))


def _to_pooling(name: str, layer: nn.AvgPool2d) -> AveragePool2d:
    if _pair(layer.padding) != (0, 0) or layer.ceil_mode or layer.divisor_override is not None:
        raise InvalidNetwork(f"layer {name!r} (AvgPool2d) needs padding 0, ceil_mode off and no divisor of its own")
    return AveragePool2d(_pair(layer.kernel_size), _pair(layer.stride))


def _to_module(layer: Layer) -> nn.Module:
    if isinstance(layer, Linear):
        return _filled(nn.Linear(layer.weight.shape[1], layer.weight.shape[0], bias=layer.bias is not None), layer)
    if isinstance(layer, Conv2d):
        channels, size = layer.weight.shape[:2], (layer.weight.shape[2], layer.weight.shape[3])
        has_bias = layer.bias is not None
        return _filled(nn.Conv2d(channels[1], channels[0], size, layer.stride, layer.padding, bias=has_bias), layer)
    if isinstance(layer, AveragePool2d):
        return nn.AvgPool2d(layer.kernel, layer.stride)
    return PolynomialActivation(layer.polynomial) if isinstance(layer, Activation) else nn.Flatten()


def _filled(module: nn.Linear | nn.Conv2d, layer: Linear | Conv2d) -> nn.Module:
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(layer.weight.copy()))
        if module.bias is not None and layer.bias is not None:
            module.bias.copy_(torch.from_numpy(layer.bias.copy()))
    return module


def _numbers(parameter: torch.Tensor) -> Weights:
    return np.array(parameter.detach().cpu().numpy(), dtype=np.float32)


def _bias(parameter: torch.Tensor | None) -> Weights | None:
    return None if parameter is None else _numbers(parameter)


def _pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
