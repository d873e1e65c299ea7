"""Refusals say what would be needed; explanations show what was read."""

from dataclasses import replace

import pytest

from policies import Action, Context, PolicyEngine, Request, Role, explain, refusal
from policies.explain import HIDDEN
from tests.policies.facts import ENGINEER, INSURER, dataset, hospital, key_set, user

SUBMIT = Request(
    user(Role.ML_ENGINEER, clearance=1), Action.JOB_SUBMIT, dataset(data_owner="dr-secret"), Context(purpose="research")
)


def test_a_refusal_says_what_must_hold_and_no_other_persons_data(engine: PolicyEngine) -> None:
    text = refusal(engine.decide(SUBMIT))
    assert text == (
        "job:submit on this Dataset is refused. "
        "Your clearance must reach the sensitivity of the data [clearance-below-sensitivity]."
    )


def test_a_default_refusal_lists_who_may(engine: PolicyEngine) -> None:
    text = refusal(engine.decide(Request(user(Role.OPERATOR), Action.MODEL_LIST, hospital())))
    assert text.startswith("model:list on this Tenant is refused. No policy permits it. ")
    assert "An ML engineer may see the lists of data sets, collaborations, jobs and models [ml-engineer-lists]." in text


def test_another_tenants_object_is_refused_like_one_that_does_not_exist(engine: PolicyEngine) -> None:
    foreign = replace(SUBMIT, resource=dataset(tenant=INSURER))
    unevaluated = Request(ENGINEER, Action.KEY_USE, key_set(tenant=INSURER))
    assert refusal(engine.decide(foreign)) == refusal(engine.decide(unevaluated)) == HIDDEN


def test_an_error_is_not_shown_to_the_caller(engine: PolicyEngine) -> None:
    decision = engine.decide(Request(ENGINEER, Action.KEY_USE, key_set()))
    assert refusal(decision).endswith("what cannot be evaluated is refused.")
    assert decision.errors[0] not in refusal(decision)
    assert decision.errors[0] in explain(decision)


def test_there_is_no_refusal_of_what_is_allowed(engine: PolicyEngine) -> None:
    allowed = engine.decide(Request(ENGINEER, Action.DATASET_READ, dataset()))
    with pytest.raises(ValueError, match="no refusal"):
        refusal(allowed)


def test_an_explanation_shows_facts_and_version(engine: PolicyEngine) -> None:
    assert explain(engine.decide(SUBMIT)).splitlines() == [
        "job:submit on this Dataset is refused.",
        "Asked by User ada (tenant hospital), door http.",
        "About Dataset ds (tenant hospital).",
        "Your clearance must reach the sensitivity of the data [clearance-below-sensitivity].",
        "Fact principal.clearance = 1",
        "Fact resource.data_owner = dr-secret",
        "Fact resource.sensitivity = 2",
        f"Policies {engine.policy_version}",
    ]
