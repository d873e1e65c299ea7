"""A softmax step on ciphertexts against the same arithmetic in the clear, within the planner's proven bound."""

import numpy as np
import pytest

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.matrices import quantise_matrix
from secure_ds.ckks.profiles import FAST, STRONG
from secure_ds.ckks.softmax.evaluator import SoftmaxEvaluator
from secure_ds.ckks.softmax.plan import SoftmaxCircuit
from tests.ckks.circuits import Keyed, keyed
from tests.ckks.softmax.circuits import (
    ClassRecords,
    decrypted_gradient,
    encrypted_classes,
    loaded_softmax,
    random_class_records,
    random_matrix,
    softmax_plan_for,
)

N = FAST.parameters.poly_modulus_degree


def quantised(plan: SoftmaxCircuit, weights: np.ndarray) -> tuple[tuple[int, ...], ...]:
    return quantise_matrix(weights, (plan.n_classes, plan.n_features), plan.radius, plan.scales.weights)


def clear(records: ClassRecords, plan: SoftmaxCircuit, weights: tuple[tuple[int, ...], ...]) -> np.ndarray:
    cut = np.array(weights, dtype=np.float64) / plan.scales.weights
    return (records.X @ cut.T / plan.n_classes - records.V).T @ records.X


def error(ring: Keyed, records: ClassRecords, plan: SoftmaxCircuit, weights: tuple[tuple[int, ...], ...]) -> float:
    answer = decrypted_gradient(ring, loaded_softmax(ring, records, plan).step(weights), plan)
    return float(np.linalg.norm(answer - clear(records, plan, weights)))


@pytest.mark.parametrize(("n", "d", "c"), [(1, 1, 3), (500, 4, 5), (N, 2, 3), (N + 5, 3, 4), (2 * N + 100, 2, 3)])
def test_gradient_equals_the_clear_one_within_the_bound(n: int, d: int, c: int) -> None:
    records = random_class_records(n, d, c, seed=n + d)
    plan = softmax_plan_for(records)
    assert error(keyed(), records, plan, quantised(plan, random_matrix((c, d), plan.radius))) <= plan.beta


def test_worst_records_in_every_place_stay_within_the_bound_on_the_strong_ring() -> None:
    """All records at the first axis, all weights against their labels."""
    n, c = 600, 3
    records = ClassRecords(np.tile([1.0, 0.0], (n, 1)), np.tile(np.eye(c)[1] - 1 / c, (n, 1)))
    plan = softmax_plan_for(records, STRONG)
    worst = -np.outer(records.V[0], [1.0, 0.0]) * (plan.radius / np.linalg.norm(records.V[0]))
    assert error(keyed(STRONG), records, plan, quantised(plan, worst)) <= plan.beta < 1e-7


def test_zero_weights_and_classes_without_weights_need_no_forward_pass() -> None:
    records = random_class_records(100, 3, 4)
    plan = softmax_plan_for(records)
    assert error(keyed(), records, plan, 4 * ((0, 0, 0),)) <= plan.beta
    one = plan.scales.weights
    assert error(keyed(), records, plan, ((0, 0, 0), (one, 0, 0), (0, 0, 0), (0, 0, -2 * one))) <= plan.beta


def test_equal_inputs_give_equal_bytes() -> None:
    records = random_class_records(50, 2, 3)
    plan = softmax_plan_for(records)
    evaluator = loaded_softmax(keyed(), records, plan)
    weights = quantised(plan, random_matrix((3, 2), 1.0))
    first = evaluator.step(weights)
    evaluator.step(3 * ((0, 0),))
    assert evaluator.step(weights) == first
    assert sum(map(len, first)) == plan.answer_bytes
    assert set(evaluator.timings) == {"forward", "residual", "gradient", "serialise"}


def test_more_numbers_than_coefficients_take_several_ciphertexts() -> None:
    """Only the plan is made: the sums of 64 classes and 385 features are 24,640 numbers."""
    plan = softmax_plan_for(random_class_records(10, 385, 64), STRONG)
    first, second = (set(part.positions) for part in plan.sums)
    assert len(first) + len(second) == 64 * 385
    assert len(first) == 16384 // 392 * 385 + 16384 % 392, "seven places are left free after each class"


def test_an_owner_s_two_answers_differ_by_the_removed_record_only() -> None:
    ring, records = keyed(), random_class_records(20, 3, 3)
    plan = softmax_plan_for(records)
    weights = quantised(plan, random_matrix((3, 3), plan.radius))
    X, V = records.X.copy(), records.V.copy()
    X[7], V[7] = 0, 0
    with_record, without = (
        decrypted_gradient(ring, loaded_softmax(ring, data, plan).step(weights), plan)
        for data in (records, ClassRecords(X, V))
    )
    alone = clear(ClassRecords(records.X[7:8], records.V[7:8]), plan, weights)
    assert np.linalg.norm(with_record - without - alone) <= 2 * plan.beta


def test_refuses_what_does_not_fit_the_plan() -> None:
    ring, records = keyed(), random_class_records(10, 2, 3)
    plan = softmax_plan_for(records)
    data = encrypted_classes(ring, records)
    features, labels = [data[0, 0], data[1, 0]], [data[3, 0], data[4, 0], data[5, 0]]
    evaluator = loaded_softmax(ring, records, plan)
    with pytest.raises(EvaluationRefused, match="all are loaded"):
        evaluator.load_block(features, labels)
    with pytest.raises(EvaluationRefused, match=r"shape \(3, 2\)"):
        evaluator.step(((1, 1), (1, 1)))
    with pytest.raises(EvaluationRefused, match="norm at most"):
        evaluator.step(3 * ((2**60, 0),))
    empty = SoftmaxEvaluator(ring.engine, plan)
    with pytest.raises(EvaluationRefused, match="0 are loaded"):
        empty.step(3 * ((1, 1),))
    with pytest.raises(EvaluationRefused, match="2 feature columns, got 1"):
        empty.load_block(features[:1], labels)
    with pytest.raises(EvaluationRefused, match="3 label columns, got 2"):
        empty.load_block(features, labels[:2])
    with pytest.raises(EvaluationRefused, match="different parameters"):
        SoftmaxEvaluator(ring.engine, softmax_plan_for(records, STRONG))
