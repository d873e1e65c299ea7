"""Integer weights never leave the radius; released integers map back exactly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.weights import check_integer_weights, quantise, unpack
from tests.ckks.circuits import RADIUS, plan_for, random_records

PLAN = plan_for(random_records(10, 3))


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=3), st.floats(0, 1))
def test_quantised_weights_are_close_and_never_longer(direction: list[float], part: float) -> None:
    norm = np.linalg.norm(direction) or 1.0
    weights = np.array(direction) / norm * RADIUS * part
    integers = quantise(weights, PLAN)
    effective = np.array(integers) / PLAN.scales.weights
    assert (np.abs(effective) <= np.abs(weights)).all()
    assert (np.abs(effective - weights) < 1 / PLAN.scales.weights).all()
    check_integer_weights(integers, PLAN)


@pytest.mark.parametrize("weights", [[1.0], [[1.0, 2.0, 3.0]], [np.nan, 0, 0], [np.inf, 0, 0], [RADIUS, 0.1, 0]])
def test_refuses_other_shapes_and_norms(weights: list[float]) -> None:
    with pytest.raises(EvaluationRefused):
        quantise(weights, PLAN)


def test_refuses_integers_above_the_radius() -> None:
    edge = int(RADIUS * PLAN.scales.weights)
    check_integer_weights([edge, 0, 0], PLAN)
    with pytest.raises(EvaluationRefused, match="norm at most"):
        check_integer_weights([edge, edge // 8, 0], PLAN)


def test_unpack_divides_by_the_answer_scale() -> None:
    released = [round(value * PLAN.answer_scale) for value in (1.5, -2.0, 0.0)]
    assert unpack(released, PLAN) == pytest.approx([1.5, -2.0, 0.0], abs=1e-6)
    with pytest.raises(EvaluationRefused, match="3 released integers"):
        unpack([1], PLAN)
