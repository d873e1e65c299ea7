"""Hidden-layer circuits are planned from public numbers, or refused with the rule that failed."""

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.hidden_layer import plan as plans
from secure_ds.ckks.hidden_layer.plan import HiddenCircuit, plan_hidden_layer
from secure_ds.ckks.hidden_layer.scales import FIRST_WEIGHT_SCALES, choose_scales
from secure_ds.ckks.profiles import MEDIUM, STRONG
from tests.ckks.hidden_layer.circuits import SHAPE


def plan(**changes: Any) -> HiddenCircuit:
    values: dict[str, Any] = {
        "input_scale": STRONG.input_scale,
        "n_records": 1700,
        "n_blocks": 1,
        "eta": STRONG.eta,
        "max_sigma": 256.0,
    }
    parameters = changes.pop("parameters", STRONG.parameters)
    shape = replace(SHAPE, **{name: changes.pop(name) for name in list(changes) if hasattr(SHAPE, name)})
    return plan_hidden_layer(parameters, shape, **{**values, **changes})


def test_the_network_has_nearly_the_activation_that_was_asked_for_and_says_exactly_which() -> None:
    made = plan()
    scales, linear = made.scales, made.activation.linear
    assert linear == made.shape.linear == pytest.approx(SHAPE.linear, rel=1e-3)
    assert linear * scales.g == pytest.approx(scales.linear * scales.u, rel=1e-14)
    assert made.activation.square == SHAPE.square


def test_scales_follow_from_one_another() -> None:
    scales, primes, doubled = plan().scales, STRONG.parameters.data_primes, 2 * SHAPE.square
    exactly = pytest.approx
    assert scales.g == exactly((2 * scales.u) ** 2 / primes[4] / SHAPE.square, rel=1e-14)
    assert scales.half == exactly(2 * scales.u * scales.halves / primes[4], rel=1e-14)
    assert scales.t == exactly(2 * scales.z * scales.second_weights * scales.half / doubled / primes[3], rel=1e-14)
    assert scales.residual == exactly(scales.z * scales.residual_lift / primes[3], rel=1e-14)
    assert scales.first_answer == exactly(2 * scales.t * scales.inputs / primes[2] / primes[1], rel=1e-14)
    assert scales.second_answer == exactly(2 * scales.residual * scales.g / primes[2] / primes[1], rel=1e-14)


def test_the_largest_sums_fit_and_one_bit_more_would_not() -> None:
    made, room = plan(), 16 * 256 + 1
    activation, half = made.activation, STRONG.parameters.modulus(1) / 2
    for product, one in (
        (made.scales.first_product, made.cut_radii[1] * activation.steepest),
        (made.scales.second_product, activation.largest),
    ):
        largest = 1700 * made.rho * one * (1 + made.eta) + room
        assert 0.4 < 2 * product * largest / half <= 1 + 1e-6


@pytest.mark.parametrize("activation", [(2.0, 0.25), (1.0, 3.0)])
def test_the_planner_takes_the_weight_scale_with_the_least_error(
    activation: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"linear": activation[0], "square": activation[1]}
    chosen, others = plan(**asked), []
    for scale in FIRST_WEIGHT_SCALES[3:7]:
        monkeypatch.setattr(plans, "FIRST_WEIGHT_SCALES", (scale,))
        others.append(plan(**asked))
    assert chosen.evaluation_error == min(other.evaluation_error for other in others)
    assert len({other.evaluation_error for other in others}) == 4


def test_sensitivities_are_what_the_guarantee_says() -> None:
    made = plan()
    first, second = made.cut_radii
    assert SHAPE.first_radius < first < 1.01 * SHAPE.first_radius
    largest = made.activation.linear * first + SHAPE.square * first**2
    rho = second * largest + math.sqrt(2 / 3)
    steepest = made.activation.linear + 2 * SHAPE.square * first
    assert made.sensitivity == pytest.approx(rho * math.hypot(largest, second * steepest), rel=1e-4)
    assert made.first_sensitivity == pytest.approx(math.sqrt(2 / 3) * largest, rel=1e-4)


def test_json_names_everything_and_is_json() -> None:
    value = plan().to_json()
    assert json.loads(json.dumps(value)) == value
    assert value != plan(n_records=1699).to_json()
    assert value != plan(n_hidden=4).to_json()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parameters": MEDIUM.parameters, "input_scale": MEDIUM.input_scale, "eta": MEDIUM.eta}, "too_few_levels"),
        ({"n_hidden": 0}, "out_of_range"),
        ({"n_hidden": 65}, "out_of_range"),
        ({"square": 0.0}, "out_of_range"),
        ({"linear": 100.0}, "out_of_range"),
        ({"second_radius": math.nan}, "out_of_range"),
        ({"max_sigma": 0.0}, "out_of_range"),
        ({"n_labels": 2}, "out_of_range"),
        ({"eta": 2.0**-40}, "eta_too_small"),
        ({"linear": 0.02, "square": 64.0}, "no_head_room"),
        ({"n_records": 10**6, "n_blocks": 62, "first_radius": 64.0, "second_radius": 64.0}, "no_head_room"),
    ],
)
def test_refusals(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        plan(**changes)
    assert refused.value.reason == reason


def test_scales_without_room_are_refused() -> None:
    with pytest.raises(PlanRefused, match="larger primes"):
        choose_scales(STRONG.parameters, 2.0**50, (2**12, 2**12), 5000, 1.0, (2.0**90, 2.0**90))
