"""What the custodian's acts work with, and how each act reaches the audit log exactly once."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from audit.entry import Actor, ActorKind, EntryDraft, Outcome
from policies.actions import Action
from policies.decision import PolicyEngine
from policies.enforcement import Denied, enforce
from policies.entities import Job, KeySet, Resource, Service
from policies.request import Context, Request
from policies.vocabulary import Door, ServiceKind
from secure_ds.core.clock import Clock
from secure_ds.core.evaluators import NOBODY, Evaluators
from secure_ds.custodian.errors import PolicyRefused
from secure_ds.custodian.journal import Journal
from secure_ds.custodian.keyring import Keyring
from secure_ds.privacy.discrete_gaussian import RandomBits
from secure_ds.store.unit_of_work import Store

CUSTODIAN = Actor("custodian", None, (), ActorKind.SERVICE)


@dataclass(frozen=True, slots=True)
class CustodianContext:
    """The custodian's parts.

    Attributes:
        noise: the operating system's generator; only a test build hands in another.
        evaluators: the workers whose attestations count, from the custodian's own settings.
    """

    journal: Journal
    keyring: Keyring
    store: Store
    policy: PolicyEngine
    noise: RandomBits
    clock: Clock
    origin: str
    evaluators: Evaluators = NOBODY


def ask_policy(
    context: CustodianContext,
    action: Action,
    resource: Resource,
    *,
    tenant: str,
    purpose: str | None = None,
    collaboration: str | None = None,
) -> dict[str, Any]:
    """The third door: may the worker, on behalf of `tenant`, have this done? Returns the decision's record.

    Raises:
        PolicyRefused: no; the refusal is in the log.
    """
    worker = Service(id="worker", tenant=tenant, kind=ServiceKind.WORKER)
    circumstances = Context(door=Door.CUSTODIAN, purpose=purpose, collaboration=collaboration)
    request = Request(worker, action, resource, circumstances)
    try:
        return enforce(context.policy, Door.CUSTODIAN, request).to_record()
    except Denied as denied:
        refused = entry(
            action,
            resource.tenant,
            outcome=Outcome.DENIED,
            decision=denied.decision.to_record(),
            **_about(resource),
        )
        log_now(context, refused)
        raise PolicyRefused(str(denied)) from denied


def _about(resource: Resource) -> dict[str, str]:
    """Where the log files a resource; a key is filed under its data set, whose id it has."""
    match resource:
        case KeySet():
            return {"dataset_id": resource.id}
        case Job():
            return {"job_id": resource.id}
        case _:
            return {"object_id": resource.id}


def entry(
    action: str,
    tenant: str | None,
    *,
    outcome: Outcome = Outcome.DONE,
    decision: Mapping[str, Any] | None = None,
    **fields: Any,
) -> EntryDraft:
    """An entry about something the custodian did or refused."""
    return EntryDraft(action=str(action), actor=CUSTODIAN, tenant=tenant, outcome=outcome, decision=decision, **fields)


def log_now(context: CustodianContext, draft: EntryDraft) -> None:
    """Append an entry about something that changed nothing here: a refusal."""
    with context.store.write() as work:
        work.audit.append(draft)


def as_json(draft: EntryDraft) -> dict[str, Any]:
    """A draft as the outbox stores it."""
    return {**{name: getattr(draft, name) for name in draft.__dataclass_fields__}, "actor": asdict(draft.actor)}


def deliver(context: CustodianContext) -> None:
    """Append every owed entry to the audit log. Call before any reply; an entry's event id makes repetition harmless.

    Raises:
        AuditUnavailable, StoreUnavailable: the log cannot be written; the caller must not reply with a result.
    """
    for event_id, fields in context.journal.pending():
        draft = EntryDraft(**{**fields, "actor": Actor(**fields["actor"])})
        with context.store.write() as work:
            work.audit.append(draft)
        with context.journal.append() as page:
            page.delivered(event_id)
