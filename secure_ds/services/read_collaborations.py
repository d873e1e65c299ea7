"""Read about collaborations: the list, one of them, its signed statement, its public files."""

from collections.abc import Iterator, Sequence

from policies.actions import Action
from policies.enforcement import filter_allowed
from policies.entities import Tenant
from policies.request import Request
from policies.vocabulary import Door
from secure_ds.core.principal import Caller
from secure_ds.services.context import ServiceContext
from secure_ds.services.facts import collaboration_facts, user_facts
from secure_ds.services.gate import Subject, permit, verb
from secure_ds.services.lookups import find_collaboration, find_dataset, page
from secure_ds.services.upload import pieces
from secure_ds.services.views import collaboration_view
from secure_ds.store.rows import CollaborationRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.base import Page
from secure_ds.wire.collaborations import CollaborationView, TakingPart
from secure_ds.wire.datasets import Envelope


@verb(Action.COLLABORATION_LIST)
def list_collaborations(
    context: ServiceContext, caller: Caller, cursor: str | None = None, limit: int = 50
) -> Page[CollaborationView]:
    """Return the collaborations of the caller's tenant that the caller may read about, newest first."""
    tenant, user = caller.principal.tenant, user_facts(caller.principal)
    with context.store.write() as work:
        permit(context, work, caller, Action.COLLABORATION_LIST, Tenant(id=tenant), Subject())
    with context.store.read() as work:

        def may_see(rows: Sequence[CollaborationRow]) -> Sequence[CollaborationRow]:
            def question(row: CollaborationRow) -> Request:
                return Request(user, Action.COLLABORATION_READ, collaboration_facts(row))

            return filter_allowed(context.policy, Door.HTTP, rows, question)

        return page(
            lambda after: work.collaborations.list(tenant, after, limit + 1),
            may_see,
            lambda row: collaboration_view(row, taking_part(work, row)),
            cursor,
            limit,
        )


@verb(Action.COLLABORATION_READ)
def show_collaboration(context: ServiceContext, caller: Caller, collaboration_id: str) -> CollaborationView:
    """Return one collaboration, with the data sets that take part."""
    with context.store.write() as work:
        row = _permitted(context, work, caller, collaboration_id)
        return collaboration_view(row, taking_part(work, row))


@verb(Action.COLLABORATION_READ)
def show_statement(context: ServiceContext, caller: Caller, collaboration_id: str) -> Envelope:
    """Return the statement as the custodian signed it: members, terms, the digest of every key."""
    with context.store.write() as work:
        row = _permitted(context, work, caller, collaboration_id, statement=True)
        return Envelope.model_validate_json(row.envelope)


@verb(Action.COLLABORATION_READ)
def download_group_file(context: ServiceContext, caller: Caller, collaboration_id: str, digest: str) -> Iterator[bytes]:
    """Return one of the group's public files, in pieces."""
    with context.store.write() as work:
        row = _permitted(context, work, caller, collaboration_id, file=digest)
    return pieces(context.blobs.open(row.id, digest))


def taking_part(work: UnitOfWork, row: CollaborationRow) -> list[TakingPart]:
    """Return the data sets whose owners ever consented, as every member may see them."""
    return [
        TakingPart(
            dataset_id=consent.dataset_id,
            tenant=dataset.tenant,
            n_records=dataset.n_records,
            state=dataset.state,
            consent=consent.verdict,
        )
        for consent in work.consents.of_collaboration(row.id)
        for dataset in [find_dataset(work, consent.dataset_id)]
    ]


def _permitted(
    context: ServiceContext, work: UnitOfWork, caller: Caller, collaboration_id: str, **details: object
) -> CollaborationRow:
    row = find_collaboration(work, collaboration_id)
    subject = Subject(object_id=row.id)
    permit(context, work, caller, Action.COLLABORATION_READ, collaboration_facts(row), subject, **details)
    return row
