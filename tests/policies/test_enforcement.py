"""Three doors: refusal raises, foreign objects are hidden, lists hold what may be seen."""

from dataclasses import replace

import pytest

from policies import Action, Context, Denied, Door, PolicyEngine, Request, Role, enforce, filter_allowed
from tests.policies.facts import ENGINEER, INSURER, dataset, key_set, user, worker

ADMIT = Request(
    ENGINEER, Action.JOB_ADMIT, dataset(), Context(purpose="research", epsilon_asked=500_000, epsilon_left=1_000_000)
)
USE_KEY = Request(worker(), Action.KEY_USE, key_set(), Context(purpose="research"))


@pytest.mark.parametrize(("request_", "right"), [(ADMIT, Door.USE_CASE), (USE_KEY, Door.CUSTODIAN)])
def test_some_questions_are_answered_at_one_door_only(engine: PolicyEngine, request_: Request, right: Door) -> None:
    decision = enforce(engine, right, request_)
    assert decision.to_record()["context"]["door"] == right
    for wrong in set(Door) - {right}:
        with pytest.raises(Denied):
            enforce(engine, wrong, request_)


def test_the_door_is_the_callers_not_the_requests(engine: PolicyEngine) -> None:
    pretending = replace(USE_KEY, context=replace(USE_KEY.context, door=Door.CUSTODIAN))
    with pytest.raises(Denied):
        enforce(engine, Door.HTTP, pretending)


def test_denial_carries_the_decision_and_is_not_hidden_in_ones_own_tenant(engine: PolicyEngine) -> None:
    with pytest.raises(Denied, match="clearance") as caught:
        enforce(engine, Door.HTTP, Request(user(Role.ML_ENGINEER, clearance=0), Action.DATASET_READ, dataset()))
    assert not caught.value.hidden
    assert not caught.value.decision.allowed
    assert caught.value.code == "policy_denied"


def test_another_tenants_object_is_hidden_even_when_the_question_cannot_be_evaluated(engine: PolicyEngine) -> None:
    for action in (Action.DATASET_READ, Action.KEY_USE):
        with pytest.raises(Denied) as caught:
            enforce(engine, Door.HTTP, Request(ENGINEER, action, dataset(tenant=INSURER, data_owner="ada")))
        assert caught.value.hidden
        assert "insurer" not in str(caught.value)


def test_a_list_holds_only_what_may_be_read_in_order(engine: PolicyEngine) -> None:
    rows = [
        dataset(id="a"),
        dataset(id="foreign", tenant=INSURER),
        dataset(id="too sensitive", sensitivity=3),
        dataset(id="odd", state="limbo"),
        dataset(id="b", sensitivity=0),
    ]
    seen = filter_allowed(engine, Door.HTTP, rows, lambda row: Request(ENGINEER, Action.DATASET_READ, row))
    assert [row.id for row in seen] == ["a", "b"]
