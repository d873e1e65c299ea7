"""Facts that cannot be are refused when they are stated; the rest reach Cedar unchanged."""

from typing import Any

import pytest

from policies import AuditLog, InvalidFactsError, Job, Role, Service, Tenant, User
from tests.policies.facts import collaboration, dataset, hospital, key_set, model, user, worker


@pytest.mark.parametrize("level", [-1, 4, True, 1.5, "2", None])
def test_levels_are_0_to_3(level: Any) -> None:
    with pytest.raises(InvalidFactsError, match="clearance must be 0, 1, 2 or 3"):
        user(clearance=level)
    with pytest.raises(InvalidFactsError, match="sensitivity must be 0, 1, 2 or 3"):
        dataset(sensitivity=level)


@pytest.mark.parametrize("name", ["", None, 7])
def test_identities_are_non_empty_strings(name: Any) -> None:
    for build in (
        lambda: user(id=name),
        lambda: user(tenant=name),
        lambda: dataset(data_owner=name),
        lambda: model(submitter=name),
        lambda: worker(tenant=name),
        lambda: Tenant(id=name),
        lambda: AuditLog(id="log", tenant=name),
    ):
        with pytest.raises(InvalidFactsError, match="must be a non-empty string"):
            build()


@pytest.mark.parametrize("purposes", ["research", ["research"], {"research"}, frozenset({""}), frozenset({1}), None])
def test_sets_are_frozensets_of_words(purposes: Any) -> None:
    with pytest.raises(InvalidFactsError, match="purposes must be a frozenset"):
        User(id="ada", tenant="t", roles=frozenset({Role.OPERATOR}), purposes=purposes, clearance=0)


def test_cedar_form_of_a_user_and_a_data_set() -> None:
    assert user(Role.OPERATOR, Role.DATA_OWNER).to_cedar() == {
        "uid": {"type": "User", "id": "ada"},
        "attrs": {
            "tenant": {"__entity": {"type": "Tenant", "id": "hospital"}},
            "roles": ["data_owner", "operator"],
            "purposes": ["research"],
            "clearance": 2,
            "assurance": 1,
        },
        "parents": [{"type": "Tenant", "id": "hospital"}],
    }
    assert dataset().to_cedar()["attrs"]["data_owner"] == {"__entity": {"type": "User", "id": "owner"}}
    assert key_set().to_cedar()["parents"] == [{"type": "Tenant", "id": "hospital"}]


def test_what_several_tenants_share_has_them_all_as_parents() -> None:
    parents = [{"type": "Tenant", "id": "hospital"}, {"type": "Tenant", "id": "insurer"}]
    assert collaboration().to_cedar()["parents"] == parents
    joint = Job(
        id="j", tenant="hospital", data_owners=frozenset({"ada"}), submitter="ada", partners=frozenset({"insurer"})
    )
    assert joint.to_cedar()["parents"] == parents


def test_a_data_set_is_known_to_its_partners_and_stays_in_its_tenant() -> None:
    taking_part = dataset(collaboration="collab", partners=("hospital", "insurer"))
    assert taking_part.to_cedar()["parents"] == [{"type": "Tenant", "id": "hospital"}]
    assert (taking_part.tenants, taking_part.known_to) == ({"hospital"}, {"hospital", "insurer"})
    assert "collaboration" not in dataset().attributes()


def test_partners_without_a_collaboration_cannot_be() -> None:
    with pytest.raises(InvalidFactsError, match="has no partners"):
        dataset(partners=("insurer",))


def test_a_tenant_is_its_own_tenant_and_has_no_parent() -> None:
    assert hospital().tenant == "hospital"
    assert hospital().to_cedar() == {"uid": {"type": "Tenant", "id": "hospital"}, "attrs": {}, "parents": []}


def test_attributes_hold_plain_strings_only() -> None:
    service: Service = worker()
    values = [*user(Role.OPERATOR).attributes()["roles"], service.attributes()["kind"]]
    assert {type(value) for value in values} == {str}
