"""Hidden-layer plans follow from public numbers, cost what was asked, or are refused where no guarantee would hold."""

import json
from typing import Any

import pytest
import rfc8785

from secure_ds.ckks.errors import PlanRefused
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.hidden_layer.plan import HiddenLayerPlan, make_hidden_layer_plan
from secure_ds.training.encrypted.planning import plan_from_json
from tests.training.encrypted.examples import facts, request
from tests.training.encrypted.hidden_layer.examples import hidden_plan


def test_json_survives_canonical_form_and_back() -> None:
    original = hidden_plan(steps=7, hidden_units=4, seed=9)
    back = plan_from_json(json.loads(rfc8785.dumps(original.to_json())))
    assert isinstance(back, HiddenLayerPlan)
    assert (back.digest, back.charges) == (original.digest, original.charges)
    assert back.settings.seed == 9


@pytest.mark.parametrize("path", [("circuit", "rho"), ("settings", "seed"), ("noise_variances",), ("tau",)])
def test_what_follows_from_the_inputs_cannot_be_forged(path: tuple[str, ...]) -> None:
    forged = json.loads(json.dumps(hidden_plan().to_json()))
    place = forged
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "7"
    with pytest.raises(PlanRefused) as refused:
        plan_from_json(forged)
    assert refused.value.reason == "not_reproducible"


def test_all_steps_together_cost_what_was_asked_at_most() -> None:
    made = hidden_plan()
    assert 0.5 < made.epsilon_after(made.steps) <= 1.0
    assert made.charges[0] < made.charges[1], "the first step, from W2 = 0, moves less"


def test_both_gradients_have_the_same_noise_in_their_own_units() -> None:
    made = hidden_plan()
    (first_step,), (second, first) = made.releases(0), made.releases(1)
    assert first_step == second
    assert len(second.positions) == 3 * made.settings.hidden_units
    assert len(first.positions) == 4 * made.settings.hidden_units
    for release in (second, first):
        assert release.variances[0] ** 0.5 / release.scale == pytest.approx(made.sigma, rel=1e-9)


def test_a_rule_never_asks_for_more_steps_than_the_key_may_answer() -> None:
    made = make_hidden_layer_plan(
        JobFacts.of(facts(1500, 4, n_classes=3, max_decryptions=5)), request(algorithm=HiddenLayerPlan.algorithm)
    )
    assert made.steps == 5


@pytest.mark.parametrize(
    ("data", "asked", "reason"),
    [
        ({"coordinates": 20}, {}, "too_many_numbers"),
        ({}, {"steps": 101}, "too_many_steps"),
        ({}, {"radius": 1.0}, "out_of_range"),
        ({}, {"learning_rate": 1.0}, "out_of_range"),
        ({}, {"momentum": 1.0}, "out_of_range"),
        ({}, {"hidden_units": 65}, "out_of_range"),
        ({}, {"seed": 2**32}, "out_of_range"),
        ({}, {"epsilon": 3.0}, "above_limit"),
    ],
)
def test_refusals(data: dict[str, Any], asked: dict[str, Any], reason: str) -> None:
    values = {"n_records": 1500, "n_features": 4, "n_classes": 3, **data}
    with pytest.raises(PlanRefused) as refused:
        make_hidden_layer_plan(JobFacts.of(facts(**values)), request(algorithm=HiddenLayerPlan.algorithm, **asked))
    assert refused.value.reason == reason
