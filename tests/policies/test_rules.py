"""What a policy is about and which facts it reads are taken from its own text."""

import json
from typing import Any

import cedarpy
import pytest

from policies import PolicyEngine, PolicyLoadError
from policies.rules import rules_of


def parsed(text: str) -> Any:
    return json.loads(cedarpy.policies_to_json_str(text))


def test_scope_words_and_facts_of_a_policy() -> None:
    (rule,) = rules_of(
        "forbid/x.cedar",
        parsed("""
            @id("x") @says("Never.")
            forbid (principal is User, action in [Action::"job:read", Action::"job:list"], resource)
            unless {
                context has purpose && resource in principal.tenant &&
                (if principal.clearance > 1 then ["a"].contains(context.purpose) else false)
            };
        """),
    )
    assert (rule.name, rule.effect, rule.says) == ("x", "forbid", "Never.")
    assert rule.reads == {"context.purpose", "principal.tenant", "resource.tenant", "principal.clearance"}
    assert rule.is_about("job:read", "User")
    assert not rule.is_about("job:cancel", "User")
    assert not rule.is_about("job:read", "Service")


def test_an_open_scope_is_about_everything(engine: PolicyEngine) -> None:
    (tenant_rule,) = [rule for rule in engine.rules if rule.name == "other-tenant"]
    assert tenant_rule.is_about("anything:at_all", "Service")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold policies, and no templates"),
        ('@id("x") @says("y") forbid (principal == ?principal, action, resource);', "no templates"),
        ('@id("x") @says("y") permit (principal, action, resource);', "holds a permit: only forbid policies"),
        ('@says("y") forbid (principal, action, resource);', "without @id"),
        ('@id("x") forbid (principal, action, resource);', "without @id"),
        ('@id("") @says("y") forbid (principal, action, resource);', "without @id"),
    ],
)
def test_policies_in_the_wrong_place_or_without_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(PolicyLoadError, match=message):
        rules_of("forbid/x.cedar", parsed(text))
