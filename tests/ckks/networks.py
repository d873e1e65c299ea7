"""Small networks for tests, run in the clear and on ciphertexts."""

from fractions import Fraction

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.keys import generate_relin_keys, generate_secret_key
from secure_ds.ckks.layers.clear_arithmetic import ClearArithmetic
from secure_ds.ckks.layers.polynomials import Polynomial
from secure_ds.ckks.layers.tensors import Tensor
from secure_ds.ckks.network import Activation, AveragePool2d, Conv2d, Flatten, Layer, Linear, Network
from secure_ds.ckks.network_circuit import compile_network, forward
from secure_ds.ckks.network_engine import NetworkEngine, evaluate
from secure_ds.ckks.network_planner import NetworkPlan

Array = npt.NDArray[np.float64]


def weights(rng: np.random.Generator, *shape: int, spread: float = 0.5) -> npt.NDArray[np.float32]:
    return rng.normal(scale=spread, size=shape).astype(np.float32)


def exact(network: Network, X: Array) -> Array:
    """Evaluate a network in doubles, layer by layer, without any code of the circuit: (n, inputs) to (n, outputs)."""
    x = X.reshape(len(X), *network.input_shape)
    for layer in network.layers:
        x = _exact_layer(layer, x)
    return x.reshape(len(X), -1)


def _exact_layer(layer: Layer, x: Array) -> Array:
    if isinstance(layer, Linear):
        return x @ layer.weight.T.astype(np.float64) + (0 if layer.bias is None else layer.bias)
    if isinstance(layer, Activation):
        return sum(c * x**power for power, c in enumerate(layer.polynomial.coefficients))
    if isinstance(layer, Flatten):
        return x.reshape(len(x), -1)
    if isinstance(layer, AveragePool2d):
        return _windows(x, layer.kernel, layer.stride).mean(axis=(4, 5))
    padding = [(0, 0), (0, 0), *((pad, pad) for pad in layer.padding)]
    windows = _windows(np.pad(x, padding), layer.weight.shape[2:], layer.stride)
    bias = 0 if layer.bias is None else layer.bias[:, None, None]
    return np.einsum("nchwij,ocij->nohw", windows, layer.weight.astype(np.float64)) + bias


def _windows(x: Array, kernel: tuple[int, ...], stride: tuple[int, int]) -> Array:
    windows = np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1]]


def in_the_clear(network: Network, plan: NetworkPlan, X: Array) -> Array:
    """Run the circuit itself on numbers, with every check of the bookkeeping."""
    arithmetic, top = ClearArithmetic(plan.parameters), plan.parameters.top_level
    values = tuple(arithmetic.fresh(column, plan.input_scale) for column in X.T)
    x = Tensor(values, network.input_shape, top, Fraction(plan.input_scale))
    result = forward(arithmetic, plan.choices.ladder, compile_network(network, plan.choices.weight_bits), x)
    assert (result.level, float(result.scale)) == (plan.output_level, plan.output_scale)
    return np.stack([value.numbers for value in result.values], axis=1)


def on_ciphertexts(network: Network, plan: NetworkPlan, X: Array) -> Array:
    secret_key = generate_secret_key(plan.parameters)
    engine = NetworkEngine(plan.parameters, generate_relin_keys(plan.parameters, secret_key))
    files = [block.data for block in encrypt_columns(plan.parameters, secret_key, X, plan.input_scale, 0)]
    answers = evaluate(engine, network, plan, files)
    assert {len(answer) for answer in answers} == {plan.output_bytes}
    level, scale = plan.output_level, plan.output_scale
    slots = [decrypt_slots(plan.parameters, secret_key, answer, level=level, scale=scale) for answer in answers]
    return np.stack([values.real[: len(X)] for values in slots], axis=1)


@st.composite
def small_networks(draw: st.DrawFn) -> Network:
    """Networks of every layer there is, in any sensible order."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.1, 0.5, 2.0]))
    has_image = draw(st.booleans())
    layers: list[Layer] = []
    shape: tuple[int, ...] = (draw(st.integers(1, 6)),)
    if has_image:
        shape = (draw(st.integers(1, 2)), draw(st.integers(4, 6)), draw(st.integers(4, 6)))
        layers += draw(_image_layers(rng, shape[0], spread))
    input_shape = shape
    if has_image and _shape(shape, layers)[1] >= 2 and draw(st.booleans()):
        layers.append(AveragePool2d((2, 1), (1, 1)))
    layers.append(Flatten())
    shape = _shape(input_shape, layers)
    for _ in range(draw(st.integers(0, 2))):
        width = draw(st.integers(1, 4))
        layers += [
            Linear(weights(rng, width, shape[0], spread=spread), weights(rng, width)),
            Activation(draw(polynomials())),
        ]
        shape = (width,)
    layers.append(Linear(weights(rng, draw(st.integers(1, 3)), shape[0], spread=spread)))
    low = draw(st.sampled_from([-1.0, 0.0, -3.0]))
    return Network(input_shape, low, low + draw(st.sampled_from([1.0, 2.0, 5.0])), tuple(layers))


def _shape(shape: tuple[int, ...], layers: list[Layer]) -> tuple[int, ...]:
    for layer in layers:
        shape = layer.output_shape(shape)
    return shape


def polynomials() -> st.SearchStrategy[Polynomial]:
    coefficient = st.floats(-1, 1).map(lambda value: round(value, 3))
    leading = st.floats(0.05, 1).map(lambda value: round(value, 3)) | st.floats(-1, -0.05)
    tails = st.lists(coefficient, min_size=2, max_size=4)
    return st.builds(lambda tail, last: Polynomial((*tail, last)), tails, leading)


@st.composite
def _image_layers(draw: st.DrawFn, rng: np.random.Generator, channels: int, spread: float) -> list[Layer]:
    size, stride = draw(st.integers(2, 3)), draw(st.integers(1, 2))
    padding = draw(st.integers(0, size - 1))
    out = draw(st.integers(1, 2))
    kernel = weights(rng, out, channels, size, size, spread=spread)
    layers: list[Layer] = [Conv2d(kernel, weights(rng, out), (stride, stride), (padding, padding))]
    if draw(st.booleans()):
        layers.append(Activation(draw(polynomials())))
    return layers
