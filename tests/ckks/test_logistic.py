"""A step on ciphertexts against the same arithmetic in the clear, within the planner's proven bound."""

from dataclasses import replace

import numpy as np
import pytest

from secure_ds.ckks import clear_twin
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.residual import residual
from secure_ds.ckks.profiles import STRONG
from secure_ds.ckks.scales import compute_scales
from secure_ds.ckks.slots import split
from secure_ds.ckks.weights import quantise
from tests.ckks.circuits import (
    RADIUS,
    Records,
    answer_error,
    decrypted_answer,
    decrypted_slots,
    encrypted,
    keyed,
    loaded_evaluator,
    plan_for,
    random_records,
    random_weights,
)

BLOCK = 8192  # records


@pytest.mark.parametrize(
    ("n", "d"), [(1, 1), (500, 1), (BLOCK // 2 + 1, 2), (BLOCK, 3), (BLOCK + 5, 2), (2 * BLOCK + 4200, 3), (40, 300)]
)
def test_gradient_equals_the_clear_twin_within_the_bound(n: int, d: int) -> None:
    records = random_records(n, d, seed=n + d)
    plan = plan_for(records)
    weights = quantise(random_weights(d, RADIUS), plan)
    assert answer_error(keyed(), records, plan, weights) <= plan.beta


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("label", [0.5, -0.5])
def test_adversarial_records_all_equal_at_the_edge_of_the_interval(sign: int, label: float) -> None:
    n = BLOCK + 1000
    records = Records(np.tile([1.0, 0.0], (n, 1)), np.full(n, label))
    plan = plan_for(records)
    weights = quantise([sign * RADIUS, 0.0], plan)
    assert answer_error(keyed(), records, plan, weights) <= plan.beta


def test_strong_profile_meets_its_bound_on_adversarial_records() -> None:
    records = Records(np.tile([0.6, 0.8], (600, 1)), np.full(600, -0.5))
    plan = plan_for(records, STRONG)
    weights = quantise([0.6 * RADIUS, 0.8 * RADIUS], plan)
    error = answer_error(keyed(STRONG), records, plan, weights)
    assert error <= plan.beta < 1e-8


def test_zero_weights_need_no_forward_pass_and_some_zero_weights_are_skipped() -> None:
    records = random_records(100, 4)
    plan = plan_for(records)
    assert answer_error(keyed(), records, plan, [0, 0, 0, 0]) <= plan.beta
    assert answer_error(keyed(), records, plan, [0, 7, 0, -3]) <= plan.beta


def test_equal_inputs_give_equal_bytes() -> None:
    records = random_records(50, 2)
    plan = plan_for(records)
    evaluator = loaded_evaluator(keyed(), records, plan)
    weights = quantise(random_weights(2, 1.0), plan)
    first = evaluator.step(weights)
    evaluator.step([0, 0])
    assert evaluator.step(weights) == first
    assert len(first) == plan.answer_bytes
    assert set(evaluator.timings) == {"forward", "residual", "gradient", "serialise"}


def test_residual_is_at_the_planned_level_and_scale_and_vanishes_without_a_record() -> None:
    n = BLOCK // 2 + 300  # some slots hold two records, some one
    ring, records = keyed(), random_records(n, 2)
    plan = plan_for(records)
    data = encrypted(ring, records.columns)
    weights = quantise(random_weights(2, RADIUS), plan)
    columns = [ring.engine.load(data[column, 0]) for column in range(2)]
    products = [
        ring.engine.multiply_integer(column, weight, plan.scales.forward)
        for column, weight in zip(columns, weights, strict=True)
    ]
    label = ring.engine.drop_to(ring.engine.load(data[3, 0]), plan.input_level - 1)
    z = ring.engine.add(products[0], products[1])
    result = ring.engine.save(residual(ring.engine, z, label, plan.scales, plan.sigmoid))
    found = split(decrypted_slots(ring, result, level=2, scale=plan.scales.residual).conj())
    clear = plan.sigmoid(records.X @ np.array(weights) / plan.scales.weights) - 0.5 - records.v
    assert np.abs(found[:n] - clear).max() < 1e-3
    assert np.abs(found[n:]).max() < 1e-3


def test_a_circuit_beyond_the_planned_head_room_wraps_around() -> None:
    n = BLOCK
    records = Records(np.ones((n, 1)), np.full(n, -0.5))
    plan = plan_for(records)
    weights = quantise([RADIUS * 0.7], plan)
    largest = np.abs(clear_twin.step(records.X, records.v, weights, plan)).max()
    assert largest > 0.9 * n * plan.rho
    unchecked_scale = plan.scales.weights * 2
    unchecked = replace(
        plan,
        scales=compute_scales(
            plan.parameters, plan.input_scale, unchecked_scale, plan.scales.lift, plan.sigmoid, plan.answer_level
        ),
    )
    doubled = [2 * weight for weight in weights]
    assert answer_error(keyed(), records, plan, weights) <= plan.beta
    assert answer_error(keyed(), records, unchecked, doubled) > largest / 2


def test_an_owner_s_two_answers_differ_by_the_removed_record_only() -> None:
    ring, records = keyed(), random_records(20, 3)
    plan = plan_for(records)
    weights = quantise(random_weights(3, RADIUS), plan)
    X, v = records.X.copy(), records.v.copy()
    X[7], v[7] = 0, 0
    with_record, without = (
        decrypted_answer(ring, loaded_evaluator(ring, data, plan).step(weights), plan)
        for data in (records, Records(X, v))
    )
    alone = clear_twin.step(records.X[7:8], records.v[7:8], weights, plan)
    assert np.linalg.norm(with_record - without - alone) <= 2 * plan.beta


def test_refuses_what_does_not_fit_the_plan() -> None:
    ring, records = keyed(), random_records(10, 2)
    plan = plan_for(records)
    data = encrypted(ring, records.columns)
    evaluator = loaded_evaluator(ring, records, plan)
    with pytest.raises(EvaluationRefused, match="all are loaded"):
        evaluator.load_block(iter([data[0, 0], data[1, 0]]), data[3, 0])
    with pytest.raises(EvaluationRefused, match="2 integer weights"):
        evaluator.step([1])
    with pytest.raises(EvaluationRefused, match="norm at most"):
        evaluator.step([2**16, 2**16])
    empty = type(evaluator)(ring.engine, plan)
    with pytest.raises(EvaluationRefused, match="0 are loaded"):
        empty.step([1, 1])
    with pytest.raises(EvaluationRefused, match="2 feature columns"):
        empty.load_block(iter([data[0, 0]]), data[3, 0])
    with pytest.raises(EvaluationRefused, match="different parameters"):
        type(evaluator)(ring.engine, plan_for(records, STRONG))
