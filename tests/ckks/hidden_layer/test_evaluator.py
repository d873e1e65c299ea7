"""A hidden-layer step on ciphertexts against the same arithmetic in the clear, within the planner's proven bound."""

import numpy as np
import pytest

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.hidden_layer.evaluator import HiddenLayerEvaluator
from secure_ds.ckks.hidden_layer.plan import HiddenCircuit
from secure_ds.ckks.matrices import IntegerMatrix
from secure_ds.ckks.profiles import STRONG
from tests.ckks.circuits import keyed
from tests.ckks.hidden_layer.circuits import (
    clear_gradients,
    decrypted_gradients,
    hidden_plan_for,
    loaded_network,
    random_network,
)
from tests.ckks.softmax.circuits import ClassRecords, encrypted_classes, random_class_records

N = STRONG.parameters.poly_modulus_degree


def error(records: ClassRecords, plan: HiddenCircuit, first: IntegerMatrix, second: IntegerMatrix | None) -> float:
    """The l2 distance over both gradients."""
    answer = decrypted_gradients(keyed(STRONG), loaded_network(keyed(STRONG), records, plan).step(first, second), plan)
    clear = clear_gradients(records, plan, first, second)
    parts = zip(answer, clear, strict=True) if second is not None else [(answer[1], clear[1])]
    return float(np.sqrt(sum(np.linalg.norm(found - right) ** 2 for found, right in parts)))


@pytest.mark.parametrize(("n", "d", "c", "h"), [(1, 2, 3, 1), (300, 5, 4, 3), (N + 200, 2, 3, 2)])
def test_both_gradients_equal_the_clear_ones_within_the_bound(n: int, d: int, c: int, h: int) -> None:
    records = random_class_records(n, d, c, seed=n + d)
    plan = hidden_plan_for(records, n_hidden=h)
    assert error(records, plan, *random_network(plan)) <= plan.beta


def test_two_classes_have_one_output() -> None:
    labels = np.random.default_rng(0).integers(0, 2, (200, 1)) - 0.5
    records = ClassRecords(random_class_records(200, 4, 3).X, labels)
    plan = hidden_plan_for(records)
    assert error(records, plan, *random_network(plan)) <= plan.beta


def test_worst_records_in_every_place_stay_within_the_bound() -> None:
    """All records at the first axis, one unit takes all of it, all output weights against the labels."""
    records = ClassRecords(np.tile([1.0, 0.0], (500, 1)), np.tile(np.eye(3)[1] - 1 / 3, (500, 1)))
    plan = hidden_plan_for(records, n_hidden=2)
    scales, direction = plan.scales, -records.V[0] / np.linalg.norm(records.V[0])
    first = ((int(plan.shape.first_radius * scales.first_weights), 0), (0, 1))
    second = tuple((int(plan.shape.second_radius * scales.second_weights * entry), 1) for entry in direction)
    assert error(records, plan, first, second) <= plan.beta


def test_the_first_step_has_the_gradient_for_w2_alone() -> None:
    records = random_class_records(200, 4, 3)
    plan = hidden_plan_for(records)
    first, _ = random_network(plan)
    assert len(loaded_network(keyed(STRONG), records, plan).step(first, None)) == len(plan.second_sums)
    assert error(records, plan, first, None) <= plan.beta


def test_an_output_without_weights_has_its_label_as_residual() -> None:
    records = random_class_records(200, 4, 3)
    plan = hidden_plan_for(records)
    first, second = random_network(plan)
    assert error(records, plan, first, (second[0], (0, 0, 0), second[2])) <= plan.beta


def test_equal_inputs_give_equal_bytes() -> None:
    records = random_class_records(50, 2, 3)
    plan = hidden_plan_for(records)
    evaluator = loaded_network(keyed(STRONG), records, plan)
    network = random_network(plan)
    answer = evaluator.step(*network)
    evaluator.step(network[0], None)
    assert evaluator.step(*network) == answer
    assert sum(map(len, answer)) == plan.answer_bytes
    assert set(evaluator.timings) == {"forward", "residual", "backward", "gradient", "serialise"}


def test_refuses_what_does_not_fit_the_plan() -> None:
    records = random_class_records(10, 2, 3)
    plan = hidden_plan_for(records, n_hidden=2)
    data = encrypted_classes(keyed(STRONG), records)
    features, labels = [data[0, 0], data[1, 0]], [data[3, 0], data[4, 0], data[5, 0]]
    evaluator = loaded_network(keyed(STRONG), records, plan)
    first, second = random_network(plan)
    with pytest.raises(EvaluationRefused, match="all are loaded"):
        evaluator.load_block(features, labels)
    with pytest.raises(EvaluationRefused, match=r"shape \(2, 2\)"):
        evaluator.step(first[:1], second)
    with pytest.raises(EvaluationRefused, match="all zeros"):
        evaluator.step((first[0], (0, 0)), second)
    with pytest.raises(EvaluationRefused, match="all zeros"):
        evaluator.step(first, tuple((row[0], 0) for row in second))
    with pytest.raises(EvaluationRefused, match="norm at most"):
        evaluator.step(((2**30, 0), (0, 1)), second)
    empty = HiddenLayerEvaluator(keyed(STRONG).engine, plan)
    with pytest.raises(EvaluationRefused, match="0 are loaded"):
        empty.step(first, second)
    with pytest.raises(EvaluationRefused, match="2 feature columns, got 1"):
        empty.load_block(features[:1], labels)
    with pytest.raises(EvaluationRefused, match="3 label columns, got 2"):
        empty.load_block(features, labels[:2])
    with pytest.raises(EvaluationRefused, match="different parameters"):
        HiddenLayerEvaluator(keyed().engine, plan)
