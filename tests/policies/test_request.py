"""Contexts hold what is known and nothing else; epsilon has one grain."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import Action, Context, Door, InvalidFactsError, Request, epsilon_in_micro
from tests.policies.facts import ENGINEER, HOSPITAL, INSURER, dataset


def test_unknown_facts_are_absent() -> None:
    assert Context().to_cedar() == {"door": "http"}
    known = Context(door=Door.CUSTODIAN, purpose="research", epsilon_asked=0)
    assert known.to_cedar() == {"door": "custodian", "purpose": "research", "epsilon_asked": 0}


@pytest.mark.parametrize(
    ("epsilon", "micro"), [(1.0, 1_000_000), (0.1, 100_000), (0.9999999999, 1_000_000), (0.0, 0), (-0.5, -500_000)]
)
def test_epsilon_in_micro(epsilon: float, micro: int) -> None:
    assert epsilon_in_micro(epsilon) == micro


@pytest.mark.parametrize("epsilon", [math.nan, math.inf, -math.inf, 1e30])
def test_epsilon_must_be_a_number_of_sense(epsilon: float) -> None:
    with pytest.raises(InvalidFactsError, match="finite number"):
        epsilon_in_micro(epsilon)


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_epsilon_is_within_half_a_grain(epsilon: float) -> None:
    assert abs(epsilon_in_micro(epsilon) - epsilon * 1e6) <= 0.5 + epsilon * 1e-9


def test_facts_name_owners_by_id_and_add_the_tenant() -> None:
    facts = Request(ENGINEER, Action.DATASET_READ, dataset()).facts()
    assert facts["principal"]["tenant"] == facts["resource"]["tenant"] == "hospital"
    assert facts["resource"]["data_owner"] == "owner"


def test_facts_name_partners_by_id() -> None:
    facts = Request(ENGINEER, Action.JOB_SUBMIT, dataset(collaboration="collab", partners=(INSURER,))).facts()
    assert facts["resource"]["partners"] == ["insurer"]


def test_a_partner_knows_of_the_data_set_it_may_train_on() -> None:
    shared = dataset(tenant=INSURER, collaboration="collab", partners=(HOSPITAL,))
    assert not Request(ENGINEER, Action.JOB_SUBMIT, shared).crosses_tenants


def test_crossing_tenants_is_seen() -> None:
    assert Request(ENGINEER, Action.DATASET_READ, dataset(tenant=INSURER)).crosses_tenants
    assert not Request(ENGINEER, Action.DATASET_READ, dataset()).crosses_tenants
