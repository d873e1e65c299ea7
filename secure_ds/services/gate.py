"""The first two doors, and the record of every operation.

Rules:
1. Nothing is done, read or counted before the policy said yes.
2. The entry of an allowed operation is appended in the operation's own transaction: no entry, no operation. What only
   reads, and may read much, commits its entry first and then reads without a lock.
3. A refusal is recorded in a transaction of its own, since the operation's transaction is rolled back.
4. What another tenant owns is answered, and filed in the caller's log, like what does not exist.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Concatenate, ParamSpec, TypeVar

from audit.entry import Actor, ActorKind, EntryDraft, Outcome
from audit.errors import AuditUnavailable
from policies.actions import Action
from policies.enforcement import Denied, enforce
from policies.entities import Dataset, Job, Model, Resource
from policies.request import Context, Request
from policies.verdict import Decision
from policies.vocabulary import Door
from secure_ds.core.principal import Caller
from secure_ds.jobs.errors import IllegalTransition
from secure_ds.services.context import CustodyUnavailable, ServiceContext
from secure_ds.services.errors import (
    AccessDenied,
    InvalidQuery,
    NotFound,
    ServiceError,
    ServiceUnavailable,
    StateConflict,
)
from secure_ds.services.facts import user_facts
from secure_ds.store.blobs import BlobBusy, BlobMissing
from secure_ds.store.errors import AlreadyExists, StoreUnavailable, UnknownCursor
from secure_ds.store.unit_of_work import UnitOfWork

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Subject:
    """What an operation is about, as the log files it."""

    dataset_id: str | None = None
    job_id: str | None = None
    model_id: str | None = None
    object_id: str | None = None


def decide(
    context: ServiceContext, caller: Caller, action: Action, resource: Resource, circumstances: Context | None = None
) -> Decision:
    """Ask the policies.

    Raises:
        Denied: they do not allow it; `verb` records this and answers.
    """
    circumstances = circumstances or Context(door=Door.HTTP)
    request = Request(user_facts(caller.principal), action, resource, circumstances)
    return enforce(context.policy, circumstances.door, request)


def record(
    work: UnitOfWork,
    caller: Caller,
    action: str,
    subject: Subject,
    decision: Decision | None,
    *,
    outcome: Outcome = Outcome.ALLOWED,
    tenant: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Append the operation's entry in its own transaction, to the caller's log or to that of `tenant`."""
    entry = draft(caller, action, subject, decision, outcome=outcome, details=details)
    work.audit.append(entry if tenant is None else replace(entry, tenant=tenant))


def permit(
    context: ServiceContext,
    work: UnitOfWork,
    caller: Caller,
    action: Action,
    resource: Resource,
    subject: Subject,
    **details: Any,
) -> None:
    """Ask the policies and record the answer: the whole of the first door, for operations that only read."""
    record(work, caller, action, subject, decide(context, caller, action, resource), details=details)


def draft(
    caller: Caller,
    action: str,
    subject: Subject,
    decision: Decision | None,
    *,
    outcome: Outcome,
    details: Mapping[str, Any] | None = None,
) -> EntryDraft:
    """Build the entry of an operation asked for by a person."""
    principal = caller.principal
    return EntryDraft(
        action=str(action),
        actor=Actor(principal.id, principal.tenant, tuple(principal.roles), ActorKind(principal.kind)),
        tenant=principal.tenant,
        outcome=outcome,
        dataset_id=subject.dataset_id,
        job_id=subject.job_id,
        model_id=subject.model_id,
        object_id=subject.object_id,
        request_id=caller.request_id,
        decision=decision.to_record() if decision else None,
        details=dict(details or {}),
    )


Verb = Callable[Concatenate[ServiceContext, Caller, Parameters], Result]


def verb(action: Action) -> Callable[[Verb[Parameters, Result]], Verb[Parameters, Result]]:
    """Make a use case of a function: refusals recorded and answered alike, missing parts answered with 503."""

    def decorate(function: Verb[Parameters, Result]) -> Verb[Parameters, Result]:
        @functools.wraps(function)
        def run(
            context: ServiceContext, caller: Caller, /, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> Result:
            with unavailable_parts():
                try:
                    with store_conflicts():
                        return function(context, caller, *args, **kwargs)
                except Denied as denied:
                    answer = _answer(denied)
                    _record_refusal(context, caller, denied)
                    if denied.hidden:
                        _record_failure(context, caller, action, answer, args)
                    raise answer from None
                except ServiceError as error:
                    _record_failure(context, caller, action, error, args)
                    raise

        return run

    return decorate


@contextmanager
def store_conflicts() -> Iterator[None]:
    """Turn what the store says about a race or a wrong reference into what callers see."""
    try:
        yield
    except IllegalTransition as error:
        raise StateConflict(str(error), remedy="look at its state again") from error
    except (AlreadyExists, BlobBusy) as error:
        raise StateConflict(str(error), remedy="the same was asked for at this moment; try again") from error
    except UnknownCursor as error:
        raise InvalidQuery(str(error), remedy="start again without a cursor") from error
    except BlobMissing as error:
        raise NotFound(str(error)) from error


@contextmanager
def unavailable_parts() -> Iterator[None]:
    """Turn "the database, the log or the custodian does not answer" into the one error callers see."""
    try:
        yield
    except StoreUnavailable as error:
        raise ServiceUnavailable("the database does not answer; nothing was done", remedy="try again") from error
    except AuditUnavailable as error:
        raise ServiceUnavailable("the audit log cannot be written, so nothing was done", remedy="try again") from error
    except CustodyUnavailable as error:
        raise ServiceUnavailable("the key custodian does not answer; nothing was done", remedy="try again") from error


def _record_refusal(context: ServiceContext, caller: Caller, denied: Denied) -> None:
    """File a refusal in the caller's tenant; one about another tenant's object with the service alone.

    The decision names what it was about. The caller's own tenant reads its log, and must not learn from it what the
    answer hid. Where the object is a partner's, its own tenant gets the decision, and the caller's the bare refusal.
    """
    request = denied.decision.request
    subject, tenant = _subject_of(request.resource), request.resource.tenant
    entry = draft(caller, request.action, subject, denied.decision, outcome=Outcome.DENIED, details=None)
    with context.store.write() as work:
        if denied.hidden:
            work.audit.append(replace(entry, tenant=None))
        elif caller.principal.tenant in request.resource.tenants:
            work.audit.append(entry)
        else:
            work.audit.append(replace(entry, tenant=tenant))
            work.audit.append(replace(entry, decision=None, details={"code": AccessDenied.code}))


def _subject_of(resource: Resource) -> Subject:
    match resource:
        case Dataset():
            return Subject(dataset_id=resource.id)
        case Job():
            return Subject(job_id=resource.id)
        case Model():
            return Subject(model_id=resource.id)
        case _:
            return Subject(object_id=resource.id)


def _record_failure(
    context: ServiceContext, caller: Caller, action: Action, error: ServiceError, args: tuple[Any, ...]
) -> None:
    if isinstance(error, ServiceUnavailable):
        return  # there is nowhere to write it
    asked_for = args[0] if args and isinstance(args[0], str) and 0 < len(args[0]) <= 64 else None
    with context.store.write() as work:
        subject = Subject(object_id=asked_for)
        record(work, caller, action, subject, None, outcome=Outcome.FAILED, details={"code": error.code})


def _answer(denied: Denied) -> ServiceError:
    if denied.hidden:
        return NotFound("there is no such object")
    return AccessDenied(str(denied), remedy="ask for the role, purpose or clearance that the policies named require")
