"""Call for a collaboration: the custodian makes its keys and signs its statement; the public files are kept here.

Nothing follows from being named a member: a tenant takes part with a data set that its own owner encrypted under the
group's key, and with that owner's consent, both signed with the upload key that the terms name for it.
"""

import base64
import io
import json

from policies.actions import Action
from policies.entities import Tenant
from policies.verdict import Decision
from secure_ds.ckks.errors import PlanRefused
from secure_ds.ckks.profiles import PROFILES
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller
from secure_ds.data.collaboration import Statement, Terms, parse_statement, parse_terms
from secure_ds.data.descriptor import FileReference
from secure_ds.data.errors import DataError
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.errors import InvalidTerms
from secure_ds.services.gate import Subject, decide, record, verb
from secure_ds.services.idempotency import Idempotency
from secure_ds.services.planning import group_tolerance, ring_name
from secure_ds.services.views import collaboration_view
from secure_ds.store.rows import CollaborationRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.collaborations import CollaborationCreate, CollaborationView
from secure_ds.wire.custodian import GroupCreation, GroupKeys


@verb(Action.COLLABORATION_CREATE)
def create_collaboration(
    context: ServiceContext, caller: Caller, body: CollaborationCreate, idempotency_key: str | None
) -> CollaborationView:
    """Have a collaboration's keys made, and tell every member of it.

    Raises:
        InvalidTerms: the terms cannot be, or the caller's tenant is no member.
    """
    decision = decide(context, caller, Action.COLLABORATION_CREATE, Tenant(id=caller.principal.tenant))
    terms = _terms(body)
    if caller.principal.tenant not in terms.tenants:
        raise InvalidTerms("your own tenant must be among the members", remedy=f"add {caller.principal.tenant}")
    once = Idempotency(caller, idempotency_key, body)
    with context.store.write() as work:
        if answered := once.answered(work, CollaborationView):
            return _repeated(work, caller, answered, decision)
    keys = _have_keys_made(context, caller, terms)
    statement = parse_statement(base64.b64decode(keys.envelope.payload))
    _keep_files(context, statement, keys)
    row = _row(context, caller, statement, keys)
    with context.store.write() as work:
        if answered := once.answered(work, CollaborationView):
            return _repeated(work, caller, answered, decision)
        work.collaborations.add(row)
        _tell_members(work, caller, row, decision)
        return once.remember(work, collaboration_view(row, []), status=201)


def _repeated(work: UnitOfWork, caller: Caller, answered: CollaborationView, decision: Decision) -> CollaborationView:
    """Give the first answer again; asking for it is an operation too."""
    subject = Subject(object_id=answered.id)
    record(work, caller, Action.COLLABORATION_CREATE, subject, decision, details={"repeated": True})
    return answered


def _terms(body: CollaborationCreate) -> Terms:
    profile = PROFILES.get(body.profile)
    if profile is None:
        raise InvalidTerms(f"there is no profile {body.profile!r}", remedy=f"use one of {', '.join(PROFILES)}")
    try:
        feature_map = parse_feature_map(json.dumps(body.feature_map))
        eta = group_tolerance(profile, body.max_records, len(body.members), feature_map.n_features, len(body.classes))
        return parse_terms(
            {
                "name": body.name,
                "members": [member.model_dump() for member in sorted(body.members, key=lambda each: each.tenant)],
                "purposes": sorted(set(body.purposes)),
                "feature_map": body.feature_map,
                "classes": body.classes,
                "parameters": profile.parameters.to_json(),
                "input_scale": profile.input_scale.hex(),
                "eta": eta.hex(),
                "max_records": body.max_records,
                "max_decryptions": body.max_decryptions,
                "dual_evaluation_required": body.dual_evaluation_required,
            }
        )
    except (DataError, PlanRefused) as error:
        raise InvalidTerms(str(error)) from error


def _have_keys_made(context: ServiceContext, caller: Caller, terms: Terms) -> GroupKeys:
    message = GroupCreation(
        collaboration_id=new_id("collab"), called_by=caller.principal.tenant, terms=terms.model_dump(mode="json")
    )
    try:
        return context.custody.create_group(message)
    except CustodyRefused as refused:
        raise InvalidTerms(refused.detail, remedy=refused.remedy) from refused


def _keep_files(context: ServiceContext, statement: Statement, keys: GroupKeys) -> None:
    for reference, data in zip(statement.files, keys.files, strict=True):
        _keep(context, statement.collaboration_id, reference, base64.b64decode(data))


def _keep(context: ServiceContext, collaboration_id: str, reference: FileReference, data: bytes) -> None:
    context.blobs.append(collaboration_id, reference.digest, 0, io.BytesIO(data), reference.bytes)
    context.blobs.finish(collaboration_id, reference.digest)


def _row(context: ServiceContext, caller: Caller, statement: Statement, keys: GroupKeys) -> CollaborationRow:
    terms = statement.terms
    return CollaborationRow(
        id=statement.collaboration_id,
        tenant=caller.principal.tenant,
        creator=caller.principal.id,
        name=terms.name,
        purposes=frozenset(terms.purposes),
        members=frozenset(terms.tenants),
        n_features=terms.feature_map.n_features,
        parameters=ring_name(terms.parameters),
        feature_map=terms.feature_map.map,
        statement_digest=statement.digest,
        envelope=keys.envelope.model_dump_json().encode(),
        created_at=context.clock.now(),
    )


def _tell_members(work: UnitOfWork, caller: Caller, row: CollaborationRow, decision: Decision) -> None:
    details = {"statement": row.statement_digest, "members": sorted(row.members), "name": row.name}
    for member in sorted(row.members):
        own = decision if member == row.tenant else None
        subject = Subject(object_id=row.id)
        record(work, caller, Action.COLLABORATION_CREATE, subject, own, tenant=member, details=details)
