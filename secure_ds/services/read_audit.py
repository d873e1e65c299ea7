"""Query, export and prove the audit log. Reading the log is an operation like any other: it is in the log.

The entry is committed first and the log read afterwards, in a transaction that holds no lock: a search that takes long
keeps nobody from writing.
"""

import json
from collections.abc import Iterator
from datetime import datetime

from audit.entry import Outcome
from audit.errors import InvalidCursor, OutOfRange
from audit.export import export_csv, export_json_lines
from audit.query import EntryFilter, LogEntry
from policies.actions import Action
from policies.entities import AuditLog
from secure_ds.core.clock import timestamp
from secure_ds.core.principal import Caller
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import InvalidQuery, NotFound
from secure_ds.services.gate import Subject, permit, verb
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.audit import (
    AuditQuery,
    CheckpointView,
    ConsistencyProofView,
    EntryView,
    InclusionProofView,
)
from secure_ds.wire.base import Page


@verb(Action.AUDIT_QUERY)
def query_audit(context: ServiceContext, caller: Caller, query: AuditQuery) -> Page[EntryView]:
    """Return one page of the entries of the caller's tenant that match, newest first.

    Raises:
        InvalidQuery: the cursor or the limit cannot be used.
    """
    with context.store.write() as work:
        details = query.model_dump(mode="json", exclude_none=True, exclude={"cursor"})
        _permit(context, work, caller, Action.AUDIT_QUERY, query=details)
    with context.store.read() as work:
        try:
            page = work.audit.query(_filter(caller, query), query.cursor, query.limit)
        except (InvalidCursor, OutOfRange) as error:
            raise InvalidQuery(str(error), remedy="start again without a cursor") from error
        return Page(items=[_entry_view(entry) for entry in page.entries], next=page.next_cursor)


@verb(Action.AUDIT_EXPORT)
def export_audit(context: ServiceContext, caller: Caller, form: str = "jsonl") -> Iterator[bytes]:
    """Return the tenant's export as a stream: their entries in full, leaf hashes of all others, checkpoints.

    A checkpoint over the whole export, this request's own entry included, is made first.

    Raises:
        InvalidQuery: `form` is neither "jsonl" nor "csv".
    """
    if form not in ("jsonl", "csv"):
        raise InvalidQuery(f"there is no export form {form!r}", remedy="use jsonl (verifiable) or csv")
    with context.store.write() as work:
        _permit(context, work, caller, Action.AUDIT_EXPORT, form=form)
    context.custody.checkpoint()
    return _export(context, caller.principal.tenant, form)


def _export(context: ServiceContext, tenant: str, form: str) -> Iterator[bytes]:
    with context.store.read() as work:
        if form == "csv":
            lines = export_csv(work.audit.search(EntryFilter(tenant)))
        else:
            lines = export_json_lines(work.audit, tenant=tenant)
        for line in lines:
            yield line.encode()


@verb(Action.AUDIT_CHECKPOINT)
def latest_checkpoint(context: ServiceContext, caller: Caller) -> CheckpointView:
    """Return the latest signed checkpoint.

    Raises:
        NotFound: none has been signed yet.
    """
    with context.store.write() as work:
        _permit(context, work, caller, Action.AUDIT_CHECKPOINT)
        note = work.audit.latest_checkpoint()
    if note is None:
        raise NotFound("no checkpoint has been signed yet", remedy="one is signed within a minute of the first entry")
    return CheckpointView(size=int(note.split("\n")[1]), checkpoint=note)


@verb(Action.AUDIT_PROVE)
def prove_inclusion(context: ServiceContext, caller: Caller, index: int, size: int | None = None) -> InclusionProofView:
    """Prove that an entry is in the tree of `size` leaves (default: the present one).

    Raises:
        InvalidQuery: there is no such entry or tree.
    """
    with context.store.write() as work:
        _permit(context, work, caller, Action.AUDIT_PROVE, index=index)
    with context.store.read() as work:
        try:
            size = work.audit.head().size if size is None else size
            entry = work.audit.entry(index)
            path = work.audit.inclusion_proof(index, size)
        except OutOfRange as error:
            raise InvalidQuery(str(error)) from error
    return InclusionProofView(
        index=index, size=size, leaf_hash=entry.leaf_hash.hex(), path=[node.hex() for node in path]
    )


@verb(Action.AUDIT_PROVE)
def prove_consistency(
    context: ServiceContext, caller: Caller, old_size: int, new_size: int | None = None
) -> ConsistencyProofView:
    """Prove that the tree of `new_size` leaves (default: the present one) extends the tree of `old_size`.

    Raises:
        InvalidQuery: there are no such trees.
    """
    with context.store.write() as work:
        _permit(context, work, caller, Action.AUDIT_PROVE, old_size=old_size)
    with context.store.read() as work:
        try:
            new_size = work.audit.head().size if new_size is None else new_size
            path = work.audit.consistency_proof(old_size, new_size)
        except OutOfRange as error:
            raise InvalidQuery(str(error)) from error
    return ConsistencyProofView(old_size=old_size, new_size=new_size, path=[node.hex() for node in path])


def _permit(context: ServiceContext, work: UnitOfWork, caller: Caller, action: Action, **details: object) -> None:
    log = AuditLog(id="audit", tenant=caller.principal.tenant)
    permit(context, work, caller, action, log, Subject(object_id="audit"), **details)


def _filter(caller: Caller, query: AuditQuery) -> EntryFilter:
    return EntryFilter(
        tenant=caller.principal.tenant,
        actor_id=query.actor,
        action=query.action,
        outcome=_outcome(query.outcome),
        dataset_id=query.dataset_id,
        job_id=query.job_id,
        model_id=query.model_id,
        object_id=query.object_id,
        request_id=query.request_id,
        since=datetime.fromisoformat(query.since) if query.since else None,
        until=datetime.fromisoformat(query.until) if query.until else None,
        text=query.text,
    )


def _outcome(word: str | None) -> Outcome | None:
    try:
        return Outcome(word) if word else None
    except ValueError as error:
        raise InvalidQuery(f"there is no outcome {word!r}", remedy=f"use one of {', '.join(Outcome)}") from error


def _entry_view(stored: LogEntry) -> EntryView:
    entry = stored.read()
    draft = entry.draft
    return EntryView(
        index=entry.index,
        time=timestamp(entry.time),
        actor=draft.actor.id,
        tenant=draft.tenant or "",
        action=draft.action,
        outcome=draft.outcome,
        dataset_id=draft.dataset_id,
        job_id=draft.job_id,
        model_id=draft.model_id,
        object_id=draft.object_id,
        request_id=draft.request_id,
        entry=json.loads(stored.data),
    )
