"""Estimates grow with what a step does; that they are right within a factor is for the benchmarks."""

from secure_ds.ckks.hidden_layer.cost import step_seconds as network_seconds
from secure_ds.ckks.softmax.cost import step_seconds
from tests.ckks.hidden_layer.circuits import hidden_plan_for
from tests.ckks.softmax.circuits import random_class_records, softmax_plan_for


def test_more_records_features_and_classes_take_longer() -> None:
    few = step_seconds(softmax_plan_for(random_class_records(100, 10, 3)))
    for n, d, c in ((10_000, 10, 3), (100, 40, 3), (100, 10, 8)):
        assert step_seconds(softmax_plan_for(random_class_records(n, d, c))) > few


def test_more_hidden_units_take_longer() -> None:
    records = random_class_records(100, 5, 3)
    assert network_seconds(hidden_plan_for(records, n_hidden=8)) > network_seconds(hidden_plan_for(records, n_hidden=2))
