"""Keys, policies, health: what the service says of itself."""

from policies.actions import Action
from policies.entities import (
    AuditLog,
    Collaboration,
    Dataset,
    Job,
    Model,
    Network,
    PolicySet,
    Prediction,
    Resource,
    Tenant,
)
from policies.explain import explain as explain_decision
from policies.request import Context, Request
from policies.vocabulary import Door
from secure_ds.core.ids import is_id
from secure_ds.core.key_labels import is_of_another_tenant
from secure_ds.core.principal import Caller
from secure_ds.services.context import CustodyError, ServiceContext
from secure_ds.services.errors import InvalidQuery
from secure_ds.services.facts import (
    collaboration_facts,
    dataset_facts,
    job_facts,
    model_facts,
    network_facts,
    prediction_facts,
    user_facts,
)
from secure_ds.services.gate import Subject, permit, unavailable_parts, verb
from secure_ds.services.lookups import (
    find_collaboration,
    find_dataset,
    find_job,
    find_model,
    find_network,
    find_prediction,
)
from secure_ds.store.errors import StoreUnavailable
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.base import Page
from secure_ds.wire.service import (
    ExplainRequest,
    ExplainView,
    KeyView,
    PolicySetView,
    PublicKeys,
    Readiness,
)


@verb(Action.KEY_LIST)
def list_keys(context: ServiceContext, caller: Caller) -> Page[KeyView]:
    """Return the service's keys and the caller's tenant's own: labels, versions, states; never material."""
    tenant = caller.principal.tenant
    with context.store.write() as work:
        permit(context, work, caller, Action.KEY_LIST, Tenant(id=tenant), Subject())
        own = work.collaborations.ids(tenant)
    keys = [KeyView.model_validate(key) for key in context.custody.health().keys]
    return Page(items=[key for key in keys if not is_of_another_tenant(key.label, tenant, own)])


@verb(Action.POLICY_READ)
def show_policies(context: ServiceContext, caller: Caller) -> PolicySetView:
    """Return the policies in force, as Cedar text by file."""
    with context.store.write() as work:
        permit(context, work, caller, Action.POLICY_READ, _policy_set(caller), Subject())
    return PolicySetView(version=context.policy.policy_version, policies=dict(context.policy.sources.files))


@verb(Action.POLICY_EXPLAIN)
def explain(context: ServiceContext, caller: Caller, body: ExplainRequest) -> ExplainView:
    """Say in plain words what the policies answer to an action of the caller's own.

    Raises:
        InvalidQuery: there is no such action, or it needs an object of another kind.
    """
    with context.store.write() as work:
        subject = Subject(object_id=body.object_id)
        permit(context, work, caller, Action.POLICY_EXPLAIN, _policy_set(caller), subject, asked=body.action)
        resource = _resource(work, caller, body)
    if body.action not in set(Action):
        raise InvalidQuery(f"there is no action {body.action!r}", remedy=f"use one of {', '.join(Action)}")
    circumstances = Context(door=Door.HTTP, purpose=body.purpose)
    decision = context.policy.decide(
        Request(user_facts(caller.principal), Action(body.action), resource, circumstances)
    )
    return ExplainView(
        allowed=decision.allowed,
        policy_ids=list(decision.policy_ids),
        policy_version=decision.policy_version,
        explanation=explain_decision(decision),
    )


def public_keys(context: ServiceContext) -> PublicKeys:
    """Return the public keys that clients pin. Needs no token: they are what a verifier starts from."""
    with unavailable_parts():
        return context.custody.public_keys()


def readiness(context: ServiceContext) -> Readiness:
    """Tell which parts answer."""
    parts = {"database": _database(context), "custodian": _custodian(context), "policies": "ok"}
    return Readiness(ready=all(state == "ok" for state in parts.values()), parts=parts)


def _database(context: ServiceContext) -> str:
    try:
        with context.store.read() as work:
            work.audit.head()
    except StoreUnavailable:
        return "the database does not answer"
    return "ok"


def _custodian(context: ServiceContext) -> str:
    try:
        context.custody.health()
    except CustodyError:
        return "the key custodian does not answer"
    return "ok"


def _policy_set(caller: Caller) -> PolicySet:
    return PolicySet(id="policies", tenant=caller.principal.tenant)


def _resource(work: UnitOfWork, caller: Caller, body: ExplainRequest) -> Resource:
    """The object asked about, in the caller's own tenant or not at all."""
    identifier, tenant = body.object_id, caller.principal.tenant
    if identifier is None:
        return _whole(body.action, tenant)
    resource: Dataset | Collaboration | Job | Model | Network | Prediction
    if is_id(identifier, "ds"):
        resource = dataset_facts(find_dataset(work, identifier))
    elif is_id(identifier, "collab"):
        resource = collaboration_facts(find_collaboration(work, identifier))
    elif is_id(identifier, "job"):
        resource = job_facts(*find_job(work, identifier))
    elif is_id(identifier, "model"):
        resource = model_facts(*find_model(work, identifier))
    elif is_id(identifier, "net"):
        resource = network_facts(find_network(work, identifier))
    elif is_id(identifier, "pred"):
        resource = prediction_facts(find_prediction(work, identifier))
    else:
        raise InvalidQuery(
            "object_id must be the id of a data set, a collaboration, a job, a model, a network or a prediction"
        )
    if tenant not in resource.tenants:
        find_dataset(work, "")  # answers as for an object that does not exist
    return resource


def _whole(action: str, tenant: str) -> Resource:
    if action.startswith("audit:"):
        return AuditLog(id="audit", tenant=tenant)
    if action.startswith("policy:"):
        return PolicySet(id="policies", tenant=tenant)
    return Tenant(id=tenant)
