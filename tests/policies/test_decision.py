"""Decisions fail closed: at loading, at evaluation, under threads."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from policies import Action, Basis, Context, PolicyEngine, PolicyLoadError, Request, Role, User
from policies.decision import GUARDRAILS
from tests.policies.facts import ENGINEER, INSURER, OVERFLOWING, dataset, hospital, job, key_set, user, worker

READ = Request(ENGINEER, Action.DATASET_READ, dataset())


def append(file: str, text: str) -> Callable[[Path], object]:
    return lambda directory: (directory / file).write_text((directory / file).read_text() + text)


def test_a_permit_allows_and_is_named(engine: PolicyEngine) -> None:
    decision = engine.decide(READ)
    assert decision.allowed
    assert decision.basis is Basis.PERMIT
    assert decision.policy_ids == ("ml-engineer-reads-data-sets",)
    assert decision.policy_version == engine.policy_version
    assert decision.attributes == {
        "principal.clearance": 2,
        "principal.roles": ["ml_engineer"],
        "resource.sensitivity": 2,
    }


def test_every_forbid_that_holds_is_named(engine: PolicyEngine) -> None:
    request = Request(user(Role.ML_ENGINEER, clearance=0), Action.JOB_SUBMIT, dataset(tenant=INSURER), Context())
    assert engine.decide(request).policy_ids == ("clearance-below-sensitivity", "other-tenant", "purpose-not-allowed")


def test_what_nothing_permits_is_denied_and_tells_which_permits_there_are(engine: PolicyEngine) -> None:
    decision = engine.decide(Request(user(), Action.KEY_LIST, hospital()))
    assert (decision.allowed, decision.basis, decision.policy_ids) == (False, Basis.NO_PERMIT, ())
    assert [rule.name for rule in decision.rules] == ["security-officer-lists-keys"]


def test_a_forbid_that_errors_denies_although_cedar_allows(directory: Path) -> None:
    append("forbid/tenant.cedar", OVERFLOWING)(directory)
    engine = PolicyEngine.load(directory)
    decision = engine.decide(READ)
    assert (decision.allowed, decision.basis, decision.policy_ids) == (False, Basis.ERROR, ())
    assert decision.errors[0].startswith("overflows: integer overflow")
    # The same engine allows where the forbid can be evaluated: it is the error that denied.
    harmless = replace(READ, principal=user(Role.ML_ENGINEER, clearance=1), resource=dataset(sensitivity=0))
    assert engine.decide(harmless).allowed


@pytest.mark.parametrize(
    "request_",
    [
        Request(ENGINEER, Action.KEY_USE, key_set()),
        Request(worker(), Action.DATASET_READ, dataset()),
        Request(ENGINEER, Action.DATASET_READ, job()),
        Request(ENGINEER, "dataset:unheard_of", dataset()),  # type: ignore[arg-type]
        replace(READ, context=Context(epsilon_asked=2**63)),
        replace(READ, context=Context(purpose=7)),  # type: ignore[arg-type]
        replace(READ, context=Context(purpose=object())),  # type: ignore[arg-type]
        replace(READ, context=Context(purpose="\ud800")),
    ],
    ids=["user uses key", "service reads", "wrong resource", "unknown action", "overflow", "type", "json", "surrogate"],
)
def test_what_does_not_fit_the_schema_is_denied(engine: PolicyEngine, request_: Request) -> None:
    decision = engine.decide(request_)
    assert (decision.allowed, decision.basis) == (False, Basis.ERROR)
    assert decision.errors


def test_an_attribute_the_schema_does_not_know_is_denied(engine: PolicyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = User.attributes
    monkeypatch.setattr(User, "attributes", lambda self: attributes(self) | {"root": True})
    decision = engine.decide(READ)
    assert (decision.allowed, decision.basis) == (False, Basis.ERROR)
    assert "root" in decision.errors[0]
    assert "research" not in decision.errors[0], "the error must not quote the facts"


def test_a_missing_fact_is_denied(engine: PolicyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    attributes = User.attributes
    monkeypatch.setattr(
        User, "attributes", lambda self: {k: v for k, v in attributes(self).items() if k != "clearance"}
    )
    assert engine.decide(READ).basis is Basis.ERROR


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "schema": (lambda d: (d / "schema.cedarschema").write_text("entity"), "schema does not parse"),
    "syntax": (append("forbid/tenant.cedar", "forbid ("), "forbid/tenant.cedar does not parse"),
    "unknown fact": (
        append(
            "forbid/tenant.cedar",
            '@id("x") @says("y") forbid (principal is User, action, resource) when { principal.shoe_size > 40 };',
        ),
        "do not fit the schema",
    ),
    "optional fact unguarded": (
        append(
            "forbid/tenant.cedar",
            '@id("x") @says("y") forbid (principal, action, resource) when { context.zone == "x" };',
        ),
        "do not fit the schema",
    ),
    "name twice": (
        append("forbid/budget.cedar", '@id("other-tenant") @says("y") forbid (principal, action, resource);'),
        "must be unique, these are not: other-tenant",
    ),
    "guardrail gone": (lambda d: (d / "forbid/tenant.cedar").unlink(), "are missing: other-tenant"),
}


@pytest.mark.parametrize(("breakage", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_invalid_policies_do_not_load(directory: Path, breakage: Callable[[Path], object], message: str) -> None:
    breakage(directory)
    with pytest.raises(PolicyLoadError, match=message):
        PolicyEngine.load(directory)


def test_guardrails_are_exactly_the_shipped_forbids(engine: PolicyEngine) -> None:
    assert {rule.name for rule in engine.rules if rule.effect == "forbid"} == GUARDRAILS


def test_a_deployment_may_add_a_forbid_over_time_and_zone(directory: Path) -> None:
    (directory / "forbid/site.cedar").write_text("""
        @id("office-network") @says("Only from the office network, from 2026 on.")
        forbid (principal, action, resource)
        unless { context has zone && context.zone == "office" && context has now && context.now >= 1767225600 };
    """)
    engine = PolicyEngine.load(directory)
    at_home = engine.decide(replace(READ, context=Context(zone="home", now=1_800_000_000)))
    in_office = engine.decide(replace(READ, context=Context(zone="office", now=1_800_000_000)))
    assert (at_home.policy_ids, in_office.allowed) == (("office-network",), True)
    assert at_home.attributes == {"context.now": 1_800_000_000, "context.zone": "home"}


def test_without_a_forbid_its_refusal_turns(engine: PolicyEngine) -> None:
    foreign = replace(READ, resource=dataset(tenant=INSURER))
    weakened = engine.without("other-tenant")
    assert not engine.decide(foreign).allowed
    assert weakened.decide(foreign).allowed
    assert weakened.policy_version != engine.policy_version
    with pytest.raises(KeyError):
        engine.without("no such policy")


def test_the_record_is_canonical_json_and_complete(engine: PolicyEngine) -> None:
    request = Request(
        user(Role.ML_ENGINEER, clearance=1), Action.JOB_SUBMIT, dataset(), Context(purpose="research", zone="office")
    )
    record = engine.decide(request).to_record()
    assert (
        json.loads(rfc8785.dumps(record))
        == record
        == {
            "action": "job:submit",
            "allowed": False,
            "attributes": {"principal.clearance": 1, "resource.data_owner": "owner", "resource.sensitivity": 2},
            "basis": "forbid",
            "context": {"door": "http", "purpose": "research", "zone": "office"},
            "errors": [],
            "policies": ["clearance-below-sensitivity"],
            "policy_version": engine.policy_version,
            "principal": {"type": "User", "id": "ada", "tenant": "hospital"},
            "resource": {"type": "Dataset", "id": "ds", "tenant": "hospital"},
        }
    )


def test_records_of_every_basis_are_canonical_json(engine: PolicyEngine) -> None:
    requests: list[Any] = [
        READ,
        replace(READ, resource=dataset(tenant=INSURER)),
        replace(READ, principal=user(Role.OPERATOR)),
        Request(ENGINEER, Action.KEY_USE, key_set()),
    ]
    decisions = [engine.decide(request) for request in requests]
    assert {decision.basis for decision in decisions} == set(Basis)
    for decision in decisions:
        assert json.loads(rfc8785.dumps(decision.to_record())) == decision.to_record()


def test_threads_share_an_engine(engine: PolicyEngine) -> None:
    def decide(number: int) -> bool:
        tenant = INSURER if number % 3 == 0 else "hospital"
        return engine.decide(replace(READ, resource=dataset(id=f"ds{number}", tenant=tenant))).allowed

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(decide, range(1200)))
    assert answers == [number % 3 != 0 for number in range(1200)]
