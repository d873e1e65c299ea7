"""Torch to networks and back; layers' backward passes against torch's autograd."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.layers.affine import affine, bias_gradient, input_gradient, weight_gradient
from secure_ds.ckks.layers.clear_arithmetic import ClearArithmetic, ClearValue
from secure_ds.ckks.layers.ladder import PrimeLadder
from secure_ds.ckks.layers.losses import polynomial_residual, squared_error
from secure_ds.ckks.layers.polynomial_layer import activate, activation_gradient
from secure_ds.ckks.layers.polynomials import SQUARE, Polynomial, fit_chebyshev, fit_least_squares
from secure_ds.ckks.layers.tensors import Tensor
from secure_ds.ckks.network import Linear
from secure_ds.ckks.network_circuit import AffineStep, compile_network
from secure_ds.ckks.network_planner import plan_network
from secure_ds.ckks.parameters import Parameters
from secure_ds.models.torch_modules import PolynomialActivation, to_module, to_network
from tests.ckks.networks import exact, on_ciphertexts

PARAMETERS = Parameters.from_bits(32768, (60,) * 13 + (60,))
ARITHMETIC = ClearArithmetic(PARAMETERS)
LADDER = PrimeLadder(PARAMETERS, 50)
N = 7


def small_cnn(activation: Polynomial = SQUARE) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=1),
        PolynomialActivation(activation),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3),
        PolynomialActivation(Polynomial((0.25, 0.5, 0.125))),
        nn.Linear(3, 2, bias=False),
    )


def tensor(values: torch.Tensor, scale: float = 2.0**50) -> Tensor[ClearValue]:
    columns = values.detach().double().numpy().reshape(len(values), -1).T
    fresh = tuple(ARITHMETIC.fresh(column.copy(), scale) for column in columns)
    return Tensor(fresh, tuple(values.shape[1:]), PARAMETERS.top_level, Fraction(scale))


def numbers(result: Tensor[ClearValue]) -> np.ndarray:
    return np.stack([value.numbers for value in result.values], axis=1)


def test_the_round_trip_has_equal_weights_and_outputs() -> None:
    module = small_cnn()
    network = to_network(module, (1, 8, 8), low=0, high=1)
    again = to_module(network)
    for left, right in zip(module.parameters(), again.parameters(), strict=True):
        assert torch.equal(left, right)
    x = torch.rand(5, 1, 8, 8)
    assert torch.equal(module(x), again(x))
    np.testing.assert_allclose(exact(network, x.double().numpy().reshape(5, -1)), module(x).detach(), atol=1e-5)


def test_a_converted_cnn_on_ciphertexts_gives_what_torch_gives() -> None:
    module = small_cnn().double()
    network = to_network(small_cnn(), (1, 8, 8), low=0, high=1)
    plan = plan_network(network, max_error=1e-3)
    x = torch.rand(20, 1, 8, 8, dtype=torch.float64)
    found = on_ciphertexts(network, plan, x.numpy().reshape(20, -1))
    assert np.abs(found - module(x).detach().numpy()).max() <= plan.error


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (nn.ReLU(), "'0' \\(ReLU\\).*PolynomialActivation"),
        (nn.MaxPool2d(2), "'0' \\(MaxPool2d\\).*AvgPool2d"),
        (nn.LSTM(2, 2), "'0' \\(LSTM\\).*one of Linear"),
        (nn.Conv2d(2, 2, 3, groups=2), "groups = 1"),
        (nn.AvgPool2d(2, padding=1), "padding 0"),
    ],
)
def test_unsupported_layers_are_refused_by_name(layer: nn.Module, wanted: str) -> None:
    with pytest.raises(InvalidNetwork, match=wanted):
        to_network(nn.Sequential(layer), (2, 8, 8), low=0, high=1)


@pytest.mark.parametrize(
    "polynomial",
    [
        SQUARE,
        Polynomial((0.5, -1.0, 0.25)),
        Polynomial((0.1, 0.7, 0.0, -0.05)),
        Polynomial((0.0, 0.3, 0.1, 0.2, -0.1)),
        fit_least_squares(np.tanh, 7, 2.0, "odd"),
        fit_chebyshev(np.exp, 5, 1.0),
    ],
)
def test_activations_forward_and_backward_agree_with_autograd(polynomial: Polynomial) -> None:
    z = (torch.rand(N, 3, dtype=torch.float64) * 2 - 1).requires_grad_()
    upper = torch.rand(N, 3, dtype=torch.float64)
    y = PolynomialActivation(polynomial)(z)
    y.backward(upper)
    assert z.grad is not None
    np.testing.assert_allclose(numbers(activate(ARITHMETIC, LADDER, tensor(z), polynomial)), y.detach(), atol=1e-9)
    found = activation_gradient(ARITHMETIC, LADDER, tensor(upper), tensor(z), polynomial)
    np.testing.assert_allclose(numbers(found), z.grad, atol=1e-9)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Linear(4, 3), (4,)),
        (nn.Conv2d(2, 3, 2), (2, 3, 4)),
        (nn.Conv2d(1, 2, 3, stride=2, padding=1), (1, 5, 5)),
        (nn.AvgPool2d(2), (2, 4, 4)),
    ],
)
def test_linear_layers_forward_and_backward_agree_with_autograd(layer: nn.Module, shape: tuple[int, ...]) -> None:
    network = to_network(nn.Sequential(layer), shape, low=-1, high=1) if list(layer.parameters()) else None
    network = network or to_network(nn.Sequential(layer, nn.Flatten(), nn.Linear(8, 1)), shape, low=-1, high=1)
    step = compile_network(network, 30)[0]
    assert isinstance(step, AffineStep)
    x = torch.rand(N, *shape, dtype=torch.float64, requires_grad=True)
    layer = layer.double()
    y = layer(x)
    upper = torch.rand_like(y)
    y.backward(upper)
    forward = affine(ARITHMETIC, tensor(x), step.linear, step.bias, step.shape)
    np.testing.assert_allclose(numbers(forward), y.detach().reshape(N, -1), atol=1e-6)
    back = input_gradient(ARITHMETIC, tensor(upper), step.linear, shape)
    assert x.grad is not None
    np.testing.assert_allclose(numbers(back), x.grad.reshape(N, -1), atol=1e-6)
    if isinstance(layer, nn.AvgPool2d):
        return
    assert layer.weight.grad is not None and layer.bias.grad is not None
    if len(step.linear.blocks) == 1:
        (gradient,) = weight_gradient(ARITHMETIC, LADDER, tensor(upper), tensor(x), step.linear)
        summed = numbers(gradient).sum(axis=0).reshape(layer.weight.shape)
        np.testing.assert_allclose(summed, layer.weight.grad, atol=1e-9)
    bias = bias_gradient(ARITHMETIC, tensor(upper), layer.bias.numel())
    np.testing.assert_allclose(numbers(bias).sum(axis=0), layer.bias.grad, atol=1e-9)


def test_residuals_are_the_gradients_of_their_losses() -> None:
    z, y = torch.rand(N, 2, dtype=torch.float64), torch.rand(N, 2, dtype=torch.float64)
    np.testing.assert_allclose(numbers(squared_error(ARITHMETIC, tensor(z), tensor(y))), z - y, atol=1e-9)
    link = fit_least_squares(lambda u: 1 / (1 + np.exp(-u)), 3, 4.0)
    found = polynomial_residual(ARITHMETIC, LADDER, tensor(z), tensor(y, 2.0**30), link)
    np.testing.assert_allclose(numbers(found), PolynomialActivation(link)(z) - y, atol=1e-6)


def test_a_whole_training_step_agrees_with_autograd() -> None:
    module = nn.Sequential(nn.Linear(4, 3), PolynomialActivation(SQUARE), nn.Linear(3, 2))
    network = to_network(module, (4,), low=-1, high=1)
    first, _, second = compile_network(network, 30)
    assert isinstance(first, AffineStep) and isinstance(second, AffineStep)
    x, y = torch.rand(N, 4, dtype=torch.float64), torch.rand(N, 2, dtype=torch.float64)
    (0.5 * (module.double()(x) - y) ** 2).sum().backward()
    z = affine(ARITHMETIC, tensor(x), first.linear, first.bias, first.shape)
    hidden = activate(ARITHMETIC, LADDER, z, SQUARE)
    out = affine(ARITHMETIC, hidden, second.linear, second.bias, second.shape)
    upper = squared_error(ARITHMETIC, out, tensor(y, 2.0**30))
    (outer,) = weight_gradient(ARITHMETIC, LADDER, upper, hidden, second.linear)
    through = input_gradient(ARITHMETIC, upper, second.linear, (3,))
    lower = activation_gradient(ARITHMETIC, LADDER, through, z, SQUARE)
    (inner,) = weight_gradient(ARITHMETIC, LADDER, lower, tensor(x), first.linear)
    for found, parameter in ((outer, module[2].weight), (inner, module[0].weight)):
        np.testing.assert_allclose(numbers(found).sum(axis=0).reshape(parameter.shape), parameter.grad, rtol=1e-5)


def test_a_polynomial_states_its_interval_and_error() -> None:
    fitted = fit_chebyshev(np.tanh, 7, 2.0)
    points = np.linspace(-2, 2, 20001)
    assert np.abs(fitted(points) - np.tanh(points)).max() <= fitted.error * 1.01
    assert fitted.interval == 2.0
    low, high = Polynomial((0.0, -1.0, 1.0)).range_on(0, 1)
    assert (low, high) == pytest.approx((-0.25, 0.0), abs=1e-9)
    assert isinstance(to_network(nn.Sequential(nn.Linear(1, 1)), (1,), low=0, high=1).layers[0], Linear)
