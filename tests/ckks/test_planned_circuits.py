"""Random circuits: what the planner admits does not overflow, is as exact as it says, and keeps its own books.

Checked on ciphertexts against the clear twin, at the edge: all records pull the same way and weights are at the radius.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from secure_ds.ckks import clear_twin
from secure_ds.ckks.encryption import n_blocks
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.layers.residual import cube, joined, split
from secure_ds.ckks.packing import group_size, grouped, images, pack, positions
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.planner import CircuitPlan, plan_logistic
from secure_ds.ckks.profiles import FAST, Profile
from secure_ds.ckks.scales import PRODUCT_LEVEL, TREE_LEVEL
from secure_ds.ckks.weights import quantise
from tests.ckks.circuits import Records, decrypted_answer, encrypted, keyed, loaded_evaluator

CHAINS = [
    FAST.parameters,
    Parameters.from_bits(8192, (40, 32, 32, 34, 36, 38)),
    Parameters.from_bits(8192, (34, 36, 38, 34, 32, 38)),
]


def random_plan(chain: Parameters, n: int, d: int, radius: float, scale_bits: int, max_sigma: float) -> CircuitPlan:
    """Plan, or give the example up where the planner refuses."""
    try:
        return plan_logistic(
            chain,
            input_scale=2.0**scale_bits,
            n_records=n,
            n_features=d,
            n_blocks=n_blocks(chain, n),
            radius=radius,
            eta=2.0**-6,
            max_sigma=max_sigma,
        )
    except PlanRefused:
        assume(False)
        raise


circuits = st.builds(
    random_plan,
    st.sampled_from(CHAINS),
    st.integers(1, 9000),
    st.integers(1, 12),
    st.floats(0.5, 8),
    st.integers(26, 31),
    st.floats(1, 1e4),
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(circuits, st.sampled_from([-0.5, 0.5]), st.sampled_from([-1, 1]), st.integers(0, 2**32 - 1))
def test_no_admitted_circuit_overflows(plan: CircuitPlan, label: float, sign: int, seed: int) -> None:
    direction = np.random.default_rng(seed).normal(size=plan.n_features)
    direction /= np.linalg.norm(direction)
    records = Records(np.tile(direction, (plan.n_records, 1)), np.full(plan.n_records, label))
    ring = keyed(Profile("random", plan.parameters, plan.input_scale, plan.eta, 0.0))
    weights = quantise(sign * plan.radius * direction, plan)
    answer = decrypted_answer(ring, loaded_evaluator(ring, records, plan).step(weights), plan)
    assert np.linalg.norm(answer - clear_twin.step(records.X, records.v, weights, plan)) <= plan.beta


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(circuits)
def test_levels_and_scales_are_those_the_plan_states_all_along(plan: CircuitPlan) -> None:
    ring = keyed(Profile("random", plan.parameters, plan.input_scale, plan.eta, 0.0))
    engine, scales = ring.engine, plan.scales
    column, label = (engine.load(data) for data in encrypted(ring, np.full((3, 2), 0.5)).values())

    def place(value: object, level: int, scale: float, size: int = 2) -> None:
        assert (engine.level(value), value.size()) == (level, size)  # type: ignore[attr-defined]
        assert value.scale == pytest.approx(scale, rel=1e-12)  # type: ignore[attr-defined]

    top = plan.input_level
    z = engine.multiply_integer(column, 7, scales.forward)
    place(z, top, plan.input_scale * scales.weights)
    halves = split(engine, z, scales.half)
    cubes = tuple(cube(engine, half, scales, plan.sigmoid) for half in halves)
    for half, value in zip(halves, cubes, strict=True):
        place(half, top, scales.half)
        place(value, top - 1, scales.half**3 / plan.parameters.data_primes[top] / -plan.sigmoid.cubic, size=3)
    residual = joined(engine, (cubes[0], cubes[1]), engine.drop_to(label, top - 1), scales)
    place(residual, PRODUCT_LEVEL, scales.residual)
    group = group_size(plan.n_features)
    lifted = engine.multiply_integer(engine.drop_to(column, PRODUCT_LEVEL), scales.lift, scales.columns)
    for image in images(engine, residual, group):
        place(image, PRODUCT_LEVEL, scales.residual)
    for combination in grouped(engine, group * [lifted], group):
        place(combination, PRODUCT_LEVEL, plan.input_scale * scales.lift)
    product = engine.relinearise(engine.multiply(residual, lifted, scales.residual * scales.columns))
    packed = pack(engine, lambda _: engine.rescale(product, scales.packed), 1)
    place(packed, TREE_LEVEL, scales.residual * scales.columns / plan.parameters.data_primes[PRODUCT_LEVEL])
    assert plan.positions == positions(plan.parameters.poly_modulus_degree, plan.n_features)
