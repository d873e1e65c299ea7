"""Softmax plans follow from public numbers, cost what was asked, and are refused where a guarantee would not hold."""

import json
from typing import Any

import pytest
import rfc8785

from secure_ds.ckks.errors import PlanRefused
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.training.encrypted.softmax.plan import SoftmaxPlan, make_softmax_plan
from tests.training.encrypted.examples import facts, request
from tests.training.encrypted.softmax.examples import softmax_plan


def test_json_survives_canonical_form_and_back() -> None:
    original = softmax_plan(steps=7, radius=5.0)
    back = plan_from_json(json.loads(rfc8785.dumps(original.to_json())))
    assert isinstance(back, SoftmaxPlan)
    assert (back.digest, back.charges) == (original.digest, original.charges)


@pytest.mark.parametrize("path", [("circuit", "rho"), ("settings", "radius"), ("noise_variances",), ("tau",)])
def test_what_follows_from_the_inputs_cannot_be_forged(path: tuple[str, ...]) -> None:
    forged = json.loads(json.dumps(softmax_plan().to_json()))
    place = forged
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "7"
    with pytest.raises(PlanRefused) as refused:
        plan_from_json(forged)
    assert refused.value.reason == "not_reproducible"


def test_all_steps_together_cost_what_was_asked_and_no_more() -> None:
    made = softmax_plan()
    assert 0.999 < made.epsilon_after(made.steps) <= 1.0
    assert made.charges[0] < made.charges[1], "the first step, from zero weights, moves less"


def test_a_release_has_a_number_for_every_class_and_feature() -> None:
    (release,) = softmax_plan(n_features=6, n_classes=4).releases(3)
    assert len(set(release.positions)) == len(release.variances) == 24


@pytest.mark.parametrize(
    ("data", "asked", "reason"),
    [
        ({"n_classes": 2}, {}, "wrong_number_of_classes"),
        ({"coordinates": 20}, {}, "too_many_numbers"),
        ({}, {"steps": 101}, "too_many_steps"),
        ({}, {"radius": 0.0}, "out_of_range"),
        ({}, {"momentum": 1.0}, "out_of_range"),
        ({}, {"learning_rate": 0.0}, "out_of_range"),
        ({}, {"epsilon": 3.0}, "above_limit"),
    ],
)
def test_refusals(data: dict[str, Any], asked: dict[str, Any], reason: str) -> None:
    values = {"n_records": 1500, "n_features": 6, "n_classes": 4, **data}
    with pytest.raises(PlanRefused) as refused:
        make_softmax_plan(JobFacts.of(facts(**values)), request(algorithm=SoftmaxPlan.algorithm, **asked))
    assert refused.value.reason == reason
