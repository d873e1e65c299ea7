"""Softmax circuits are planned from public numbers, or refused with the rule that failed."""

import json
import math
from typing import Any

import pytest

from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import FAST, STRONG
from secure_ds.ckks.softmax.plan import SoftmaxCircuit, plan_softmax
from secure_ds.ckks.softmax.scales import choose_scales

LARGE: dict[str, Any] = {"parameters": FAST.parameters, "input_scale": FAST.input_scale, "eta": 2.0**-6, "n_blocks": 25}


def plan(**changes: Any) -> SoftmaxCircuit:
    values: dict[str, Any] = {
        "input_scale": STRONG.input_scale,
        "n_records": 13_784,
        "n_features": 385,
        "n_classes": 7,
        "n_blocks": 1,
        "radius": 7.0,
        "eta": STRONG.eta,
        "max_sigma": 256.0,
    }
    parameters = changes.pop("parameters", STRONG.parameters)
    return plan_softmax(parameters, **{**values, **changes})


def test_the_sensitivity_does_not_grow_with_the_root_of_the_number_of_classes() -> None:
    """At one radius in units of probability; apart from sqrt(1 - 1/c), which stays below 1."""
    few, many = (plan(n_classes=c, radius=float(c)).sensitivity for c in (3, 64))
    assert few < many < few + 1 - math.sqrt(2 / 3) + 1e-4


def test_sensitivities_are_what_the_guarantee_says() -> None:
    made = plan()
    labels = math.sqrt(6 / 7)
    assert labels < made.first_sensitivity < labels + 1e-5
    assert 1 + labels < made.sensitivity < 1 + labels + 1e-5


def test_the_largest_sum_fits_and_one_bit_more_would_not() -> None:
    tight = Parameters.from_bits(8192, (44, 42, 42, 44))
    made = plan(parameters=tight, input_scale=2.0**38, eta=2.0**-6, n_blocks=2)
    largest = 13_784 * made.rho + 1 + 16 * 256
    assert 2 * made.scales.product * largest < tight.modulus(1) / 2
    assert 2 * 2 * made.scales.product * largest > tight.modulus(1) / 2


def test_scales_follow_from_one_another() -> None:
    scales = plan().scales
    primes = STRONG.parameters.data_primes
    assert scales.forward == scales.inputs * scales.weights
    assert scales.residual == 7 * scales.forward
    assert scales.columns == scales.inputs * scales.lift
    assert scales.product == pytest.approx(scales.residual * scales.columns / primes[2], rel=1e-15)
    assert scales.answer == pytest.approx(2 * scales.product / primes[1], rel=1e-15)


def test_small_primes_answer_a_level_higher_so_that_noise_has_a_fine_grid() -> None:
    small = {"parameters": FAST.parameters, "input_scale": FAST.input_scale, "eta": FAST.eta, "n_blocks": 2}
    assert (plan().answer_level, plan(**small).answer_level) == (0, 1)
    assert plan(**small).least_answer_scale > 2**34


def test_flooding_at_snips_size_costs_no_more_than_privacy_asks() -> None:
    """E for 13,784 x 385 x 7: noise of deviation 23 keeps 48 bits over 32 answers."""
    assert math.sqrt(12 * 32) * 2**24 * plan(radius=3.5).evaluation_error < 23


def test_json_names_everything_and_is_json() -> None:
    value = plan().to_json()
    assert json.loads(json.dumps(value)) == value
    assert value != plan(n_records=13_783).to_json()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"parameters": Parameters.from_bits(8192, (50, 50, 60)), "input_scale": 2.0**30}, "too_few_levels"),
        ({"radius": 0.0}, "out_of_range"),
        ({"radius": math.nan}, "out_of_range"),
        ({"n_classes": 2}, "out_of_range"),
        ({"max_sigma": 0.0}, "out_of_range"),
        ({"eta": 2.0**-40}, "eta_too_small"),
        ({**LARGE, "n_records": 200_000, "radius": 4000.0}, "no_head_room"),
    ],
)
def test_refusals(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        plan(**changes)
    assert refused.value.reason == reason


def test_scales_without_room_are_refused() -> None:
    with pytest.raises(PlanRefused, match="larger primes"):
        choose_scales(STRONG.parameters, 2.0**80, 7, 10_000.0)
