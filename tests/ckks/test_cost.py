"""The cost model counts: more of anything costs more, and twice the work costs about twice as much."""

import pytest

from secure_ds.ckks.cost import SERVICE, step_seconds
from secure_ds.ckks.planner import CircuitPlan, plan_logistic
from secure_ds.ckks.profiles import STRONG


def plan(n_features: int, n_blocks: int) -> CircuitPlan:
    return plan_logistic(
        STRONG.parameters,
        input_scale=STRONG.input_scale,
        n_records=100,
        n_features=n_features,
        n_blocks=n_blocks,
        radius=4.0,
        eta=STRONG.eta,
    )


def test_more_features_and_more_blocks_cost_more() -> None:
    assert step_seconds(plan(10, 1)) < step_seconds(plan(20, 1)) < step_seconds(plan(20, 2))


def test_cost_is_nearly_proportional_to_the_features() -> None:
    few, many = step_seconds(plan(1000, 1)) - SERVICE, step_seconds(plan(2000, 1)) - SERVICE
    assert many / few == pytest.approx(2, rel=0.15)
