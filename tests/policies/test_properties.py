"""What must hold whatever the attributes are."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import (
    Action,
    AuditLog,
    Collaboration,
    Context,
    Dataset,
    DatasetState,
    Door,
    Job,
    KeySet,
    Model,
    Network,
    PolicyEngine,
    PolicySet,
    Prediction,
    Request,
    Role,
    Service,
    ServiceKind,
    Tenant,
    User,
    shipped_directory,
)
from policies.sources import PolicySources, read_sources
from tests.policies.facts import OVERFLOWING

people = st.sampled_from(["ada", "bob"])
words = st.sampled_from(["research", "teaching", "marketing"])
purposes = st.frozensets(words)
levels = st.integers(0, 3)
states = st.sampled_from([*DatasetState, "limbo"])
micro = st.none() | st.integers(-1, 3)
tenants = st.sampled_from(["hospital", "insurer"])
roles = st.frozensets(st.sampled_from(Role))

users = st.builds(User, id=people, tenant=tenants, roles=roles, purposes=purposes, clearance=levels, assurance=levels)
sharing = st.sampled_from(
    [
        {},
        {"collaboration": "collab"},
        {"collaboration": "collab", "partners": frozenset({"hospital"})},
        {"collaboration": "collab", "partners": frozenset({"hospital", "insurer"})},
    ]
)
members = st.frozensets(tenants, min_size=1)
owners = st.frozensets(people, min_size=1)


def shared(kind: type, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Data sets, or keys, of which some are under the key of a collaboration."""
    return st.builds(lambda facts, place: kind(**facts, **place), st.fixed_dictionaries(fields), sharing)


services = st.builds(Service, id=st.just("process"), tenant=tenants, kind=st.sampled_from(ServiceKind))
datasets = shared(
    Dataset, id=st.just("ds"), tenant=tenants, data_owner=people, sensitivity=levels, purposes=purposes, state=states
)
models = st.builds(
    Model,
    id=st.just("m"),
    tenant=tenants,
    data_owners=owners,
    submitter=people,
    partners=st.frozensets(tenants),
    sensitivity=levels,
    purpose=words,
)
resources = {
    Tenant: st.builds(Tenant, id=tenants),
    Dataset: datasets,
    Collaboration: st.builds(Collaboration, id=st.just("collab"), tenant=tenants, members=members, purposes=purposes),
    Job: st.builds(
        Job, id=st.just("j"), tenant=tenants, data_owners=owners, submitter=people, partners=st.frozensets(tenants)
    ),
    Model: models,
    Network: st.builds(Network, id=st.just("net"), tenant=tenants),
    Prediction: st.builds(Prediction, id=st.just("pred"), tenant=tenants, submitter=people),
    KeySet: shared(KeySet, id=st.just("k"), tenant=tenants, purposes=purposes, state=states),
    AuditLog: st.builds(AuditLog, id=st.just("log"), tenant=tenants),
    PolicySet: st.builds(PolicySet, id=st.just("policies"), tenant=tenants),
}
contexts = st.builds(
    Context,
    door=st.sampled_from(Door),
    purpose=st.none() | words,
    collaboration=st.sampled_from([None, "collab", "another"]),
    epsilon_asked=micro,
    epsilon_left=micro,
)


def resource_kind(action: Action) -> type:
    """What the schema applies an action to."""
    if action.value.endswith(":list") or action in CREATIONS:
        return Tenant
    if action == Action.PREDICTION_CREATE:
        return Network
    if action in (Action.QUOTE_CREATE, Action.JOB_SUBMIT, Action.JOB_ADMIT, *CONSENTS):
        return Dataset
    named = {
        "audit": AuditLog,
        "collaboration": Collaboration,
        "dataset": Dataset,
        "job": Job,
        "key": KeySet,
        "model": Model,
        "network": Network,
        "policy": PolicySet,
        "prediction": Prediction,
    }
    return named[action.value.partition(":")[0]]


CREATIONS = (Action.COLLABORATION_CREATE, Action.DATASET_CREATE, Action.MODEL_REGISTER)
CONSENTS = (Action.COLLABORATION_JOIN, Action.COLLABORATION_WITHDRAW)
SERVICE_ACTIONS = (Action.AUDIT_SIGN_CHECKPOINT, Action.JOB_CERTIFY, Action.KEY_CHECK, Action.KEY_USE)


def fitting(action: Action) -> st.SearchStrategy[Request]:
    principals = services if action in SERVICE_ACTIONS else users
    return st.builds(Request, principals, st.just(action), resources[resource_kind(action)], contexts)


requests = st.sampled_from(Action).flatmap(fitting)


def mostly(usual: object, *unusual: object) -> st.SearchStrategy[Any]:
    """Draws of which most are usual, so that requests differ from an allowed one in few facts."""
    return st.sampled_from([usual] * 6 + list(unusual))


training_requests = st.builds(
    Request,
    st.builds(
        User,
        id=people,
        tenant=mostly("hospital", "insurer"),
        roles=mostly(frozenset({Role.ML_ENGINEER}), frozenset({Role.DATA_OWNER}), frozenset({Role.OPERATOR})),
        purposes=mostly(frozenset({"research"}), frozenset({"teaching"}), frozenset()),
        clearance=mostly(2, 0, 1, 3),
    ),
    st.sampled_from([Action.QUOTE_CREATE, Action.JOB_SUBMIT, Action.JOB_ADMIT, Action.JOB_ADMIT]),
    shared(
        Dataset,
        id=st.just("ds"),
        tenant=st.just("hospital"),
        data_owner=people,
        sensitivity=mostly(2, 3),
        purposes=mostly(frozenset({"research", "teaching"}), frozenset({"marketing"})),
        state=mostly("ready", *DatasetState, "limbo"),
    ),
    st.builds(
        Context,
        door=mostly(Door.USE_CASE, Door.HTTP, Door.CUSTODIAN),
        purpose=mostly("research", "teaching", None),
        collaboration=st.sampled_from(["collab", "collab", None, "another"]),
        epsilon_asked=mostly(2, 0, 1, 3, None),
        epsilon_left=mostly(2, 0, 1, 3, None),
    ),
)


@pytest.fixture(scope="module")
def erring() -> PolicyEngine:
    """The shipped policies and a forbid that errors for everyone above clearance 1."""
    sources = read_sources(shipped_directory())
    return PolicyEngine(PolicySources(sources.schema, {**sources.files, "forbid/erring.cedar": OVERFLOWING}))


@given(request=requests)
def test_another_tenant_is_never_allowed(engine: PolicyEngine, request: Request) -> None:
    foreign = replace(request, principal=replace(request.principal, tenant="elsewhere"))
    assert not engine.decide(foreign).allowed


@given(request=st.sampled_from(sorted(set(Action) - set(SERVICE_ACTIONS))).flatmap(fitting))
def test_without_roles_no_user_is_allowed_anything(engine: PolicyEngine, request: Request) -> None:
    assert isinstance(request.principal, User)
    invented: Any = frozenset({"root", "*", "DATA_OWNER", "data_owner "})
    assert not engine.decide(replace(request, principal=replace(request.principal, roles=invented))).allowed


@given(request=requests)
def test_a_forbid_that_errors_never_turns_a_refusal(
    engine: PolicyEngine, erring: PolicyEngine, request: Request
) -> None:
    before, after = engine.decide(request).allowed, erring.decide(request).allowed
    errs = isinstance(request.principal, User) and request.principal.clearance > 1
    assert after == (before and not errs)


@given(request=st.sampled_from(SERVICE_ACTIONS).flatmap(fitting), door=st.sampled_from([Door.HTTP, Door.USE_CASE]))
def test_no_key_is_used_outside_the_custodian(engine: PolicyEngine, request: Request, door: Door) -> None:
    asked = replace(request, context=replace(request.context, door=door))
    assert not engine.decide(asked).allowed


@given(request=st.sampled_from(Action).flatmap(fitting))
def test_what_several_tenants_may_do_is_train_where_consent_holds(engine: PolicyEngine, request: Request) -> None:
    resource, tenant = request.resource, request.principal.tenant
    if not engine.decide(request).allowed or tenant in resource.tenants:
        return
    assert isinstance(resource, Dataset | KeySet)
    assert request.action in (Action.QUOTE_CREATE, Action.JOB_SUBMIT, Action.JOB_ADMIT, Action.KEY_USE)
    assert tenant in resource.partners
    assert request.context.collaboration == resource.collaboration == "collab"


@settings(max_examples=1000)
@given(request=training_requests)
def test_training_is_allowed_exactly_as_the_rules_say(engine: PolicyEngine, request: Request) -> None:
    user, data, context = request.principal, request.resource, request.context
    assert isinstance(user, User) and isinstance(data, Dataset)
    owner = Role.DATA_OWNER in user.roles and data.data_owner == user.id
    engineer = Role.ML_ENGINEER in user.roles and context.purpose in user.purposes
    cleared = user.clearance >= data.sensitivity or data.data_owner == user.id
    asked, left = context.epsilon_asked, context.epsilon_left
    affordable = asked is not None and left is not None and 0 < asked <= left
    joint = context.collaboration == data.collaboration == "collab" and user.tenant in data.partners
    expected = (
        (owner or engineer)
        and (user.tenant == data.tenant or joint)
        and (data.collaboration is None or joint)
        and context.purpose in data.purposes
        and cleared
        and data.state == "ready"
        and (request.action != Action.JOB_ADMIT or (affordable and context.door is Door.USE_CASE))
    )
    assert engine.decide(request).allowed == expected


@given(request=st.builds(Request, users, st.just(Action.MODEL_DOWNLOAD), models, contexts))
def test_weights_go_to_owners_and_submitters_only(engine: PolicyEngine, request: Request) -> None:
    user, model = request.principal, request.resource
    assert isinstance(user, User) and isinstance(model, Model)
    if engine.decide(request).allowed:
        assert user.id in (*model.data_owners, model.submitter)
        assert user.tenant == model.tenant or user.tenant in model.partners
        assert user.roles & {Role.DATA_OWNER, Role.ML_ENGINEER}
