"""The planner: what it accepts never overflows and keeps its error bound; what it refuses, it explains."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.layers.polynomials import SQUARE, Polynomial, fit_least_squares
from secure_ds.ckks.network import Activation, Linear, Network
from secure_ds.ckks.network_planner import Choices, check_choices, choices_from_json, plan_from_json, plan_network
from secure_ds.ckks.parameters import Parameters
from tests.ckks.networks import exact, in_the_clear, on_ciphertexts, small_networks

IDENTITY = np.ones((1, 1), np.float32)
SMALL = Network((1,), -1, 1, (Linear(IDENTITY), Activation(SQUARE), Linear(IDENTITY)))


def corners(network: Network, seed: int, n: int = 64) -> np.ndarray:
    """Return inputs in the declared range, many of them at its ends."""
    rng = np.random.default_rng(seed)
    inside = rng.uniform(network.low, network.high, size=(n, network.n_inputs))
    ends = np.where(rng.random((n, network.n_inputs)) < 0.5, network.low, network.high)
    return np.concatenate([inside, ends])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_networks(), st.integers(0, 2**16))
def test_an_accepted_circuit_neither_wraps_around_nor_misses_its_bound(network: Network, seed: int) -> None:
    try:
        plan = plan_network(network, max_error=1e-2)
    except PlanRefused as refused:
        assert refused.reason in ("imprecise", "too_large", "no_head_room", "dead_output")
        return
    X = corners(network, seed)
    expected = exact(network, X)
    assert np.abs(in_the_clear(network, plan, X) - expected).max() <= plan.error <= 1e-2
    assert np.abs(expected).max() <= plan.largest_output * (1 + 1e-9)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(small_networks(), st.integers(0, 2**16))
def test_ciphertexts_keep_the_bound(network: Network, seed: int) -> None:
    try:
        plan = plan_network(network, max_error=1e-2, max_degree=16384)
    except PlanRefused:
        assume(False)
        return
    X = corners(network, seed)
    assert np.abs(on_ciphertexts(network, plan, X) - exact(network, X)).max() <= plan.error


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    small_networks(),
    st.lists(st.integers(30, 60), min_size=2, max_size=5),
    st.tuples(st.integers(24, 50), st.integers(8, 24), st.integers(30, 60)),
)
@example(SMALL, [60, 60, 60], (50, 24, 60))
def test_any_primes_and_scales_that_are_accepted_do_not_wrap_around(network, sizes, bits) -> None:
    try:
        parameters = Parameters.from_bits(16384, (*sizes, 60))
        plan = check_choices(network, Choices(parameters, *bits))
    except (PlanRefused, ValueError):
        return
    X = corners(network, 0)
    assert np.abs(in_the_clear(network, plan, X) - exact(network, X)).max() <= plan.error


@pytest.mark.parametrize(
    ("polynomial", "bias"),
    [(Polynomial((0.0, 0.0, 0.0, -0.674, -1.0)), -0.511), (Polynomial((0.0, 0.0, 0.05)), None)],
    ids=["a constant as large as the modulus allows", "slots without a record lie outside the range"],
)
def test_networks_that_once_broke_keep_their_bound(polynomial: Polynomial, bias: float | None) -> None:
    hidden = np.array([[-0.015, -0.093, 0.005], [0.085, 0.105, 0.09]], np.float32)
    last = Linear(np.array([[-0.112, -0.055]], np.float32), None if bias is None else np.array([bias], np.float32))
    first = Linear(hidden, np.array([0.912, 0.489], np.float32))
    network = Network((3,), -3.0, -2.0, (first, Activation(polynomial), last))
    plan = plan_network(network, max_error=1e-2)
    X = corners(network, 0)
    assert np.abs(on_ciphertexts(network, plan, X) - exact(network, X)).max() <= plan.error


def test_it_says_how_many_levels_are_missing() -> None:
    deep = Network((1,), -1, 1, (Linear(IDENTITY), *[Activation(SQUARE)] * 8))
    parameters = Parameters.from_bits(16384, (40,) * 7 + (41,))
    with pytest.raises(PlanRefused, match="needs 9 levels, the parameters have 7") as refused:
        check_choices(deep, Choices(parameters, 40, 20, 40))
    assert refused.value.reason == "too_few_levels"


def test_it_says_how_many_bits_are_missing() -> None:
    wide = Network((1,), -1, 1, (Linear(IDENTITY * 1e6), *[Activation(SQUARE)] * 5))
    with pytest.raises(PlanRefused, match="bits of modulus at least, N = 8192 allows 214") as refused:
        plan_network(wide, max_error=1e-3, max_degree=8192)
    assert refused.value.reason == "too_large"


def test_an_argument_outside_the_fitted_interval_is_refused() -> None:
    def tanh(z: np.ndarray) -> np.ndarray:
        return np.tanh(z)

    for interval, refused in ((1.0, True), (3.0, False)):
        fitted = Activation(fit_least_squares(tanh, 5, interval, "odd"))
        network = Network((1,), -1, 1, (Linear(IDENTITY * 2), fitted, Linear(IDENTITY)))
        if refused:
            with pytest.raises(PlanRefused, match="can meet 2") as caught:
                plan_network(network, max_error=1e-3)
            assert caught.value.reason == "outside_interval"
        else:
            assert plan_network(network, max_error=1e-3).error <= 1e-3


def test_weights_that_round_to_zero_are_refused() -> None:
    dead = Network((1,), -1, 1, (Linear(np.array([[1.0], [1e-30]], np.float32)),))
    with pytest.raises(PlanRefused, match="output 1 round to zero"):
        plan_network(dead, max_error=1e-3)


def test_a_smaller_error_costs_more_bits() -> None:
    bits = [plan_network(SMALL, max_error=error).parameters.total_bits for error in (1e-1, 1e-9)]
    assert bits[0] < bits[1]
    with pytest.raises(PlanRefused, match="the best proven error") as refused:
        plan_network(SMALL, max_error=1e-30)
    assert refused.value.reason == "imprecise"


def test_a_plan_survives_json_and_is_proven_again() -> None:
    plan = plan_network(SMALL, max_error=1e-3)
    assert plan_from_json(plan.to_json(), SMALL) == plan
    larger = Network((1,), -1e6, 1e6, SMALL.layers)
    with pytest.raises(PlanRefused):
        plan_from_json(plan.to_json() | {"weight_bits": 60}, larger)


@pytest.mark.parametrize("change", [{"weight_bits": 0}, {"weight_bits": True}, {"extra": 1}, {"format": "x"}])
def test_what_is_no_plan_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(PlanRefused, match="not a plan"):
        choices_from_json(plan_network(SMALL, max_error=1e-3).to_json() | change)


def test_depth_counts_levels() -> None:
    assert [Polynomial((0.0,) * d + (1.0,)).depth for d in range(1, 9)] == [0, 1, 2, 2, 3, 3, 3, 3]
    assert SMALL.levels == 2
