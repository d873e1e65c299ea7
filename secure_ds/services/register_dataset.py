"""Register a data set: check what its owner signed, hand the sealed key to the custodian, announce the blobs."""

import base64
import json

from audit.entry import Outcome
from policies.actions import Action
from policies.entities import Tenant
from policies.verdict import Decision
from secure_ds.core.principal import Caller
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.errors import DataError
from secure_ds.data.sealed.signed import is_sealed
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.privacy.errors import PrivacyError
from secure_ds.privacy.ledger import Limit
from secure_ds.services.announced import announced_blobs
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.errors import InvalidDescriptor, StateConflict
from secure_ds.services.gate import Subject, decide, record, verb
from secure_ds.services.idempotency import Idempotency
from secure_ds.services.planning import ledger_limit, ring_name
from secure_ds.services.rotate_key import find_parent, succeed_parent
from secure_ds.services.sealed.register import register_sealed_dataset
from secure_ds.services.views import dataset_view
from secure_ds.store.rows import DatasetRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.custodian import KeyRegistration, Registered
from secure_ds.wire.datasets import DatasetCreate, DatasetView


@verb(Action.DATASET_CREATE)
def register_dataset(
    context: ServiceContext, caller: Caller, body: DatasetCreate, idempotency_key: str | None
) -> DatasetView:
    """Register a data set of the caller's own.

    Raises:
        InvalidDescriptor: signature, contents or sealed key cannot be accepted.
        StateConflict: the id is taken.
    """
    envelope = _envelope_bytes(body)
    if is_sealed(envelope):
        return register_sealed_dataset(context, caller, body, idempotency_key)
    decision = decide(context, caller, Action.DATASET_CREATE, Tenant(id=caller.principal.tenant))
    descriptor = _open(envelope)
    _require_own_tenant(descriptor, caller)
    limit = _limit(descriptor)
    once = Idempotency(caller, idempotency_key, body)
    with context.store.write() as work:
        if answered := once.answered(work, DatasetView):
            return _repeated(work, caller, answered, decision)
        parent = find_parent(context, work, caller, descriptor, body.sensitivity)
    registered = _register_key(context, caller, body)
    with context.store.write() as work:
        if answered := once.answered(work, DatasetView):
            return _repeated(work, caller, answered, decision)
        if work.datasets.get(descriptor.dataset_id) is not None:
            raise StateConflict("a data set with this id exists already", remedy="encrypt again")
        row = _row(context, caller, body, descriptor, envelope)
        if parent is None:
            work.datasets.add(row)
            work.blobs.expect(row.id, announced_blobs(descriptor))
            work.ledger.open(row.id, limit)
        else:
            row = succeed_parent(context, work, caller, parent, row, descriptor, registered.rotation_key)
        details = {"descriptor": row.descriptor_digest, "blobs": len(descriptor.blocks)}
        subject = Subject(dataset_id=row.id)
        record(work, caller, Action.DATASET_CREATE, subject, decision, outcome=Outcome.ALLOWED, details=details)
        return once.remember(work, dataset_view(work, row), status=201)


def _repeated(work: UnitOfWork, caller: Caller, answered: DatasetView, decision: Decision) -> DatasetView:
    """Give the first answer again; asking for it is an operation too."""
    record(work, caller, Action.DATASET_CREATE, Subject(dataset_id=answered.id), decision, details={"repeated": True})
    return answered


def _envelope_bytes(body: DatasetCreate) -> bytes:
    return json.dumps(body.envelope.model_dump()).encode()


def _open(envelope: bytes) -> DatasetDescriptor:
    try:
        return open_own_descriptor(envelope)
    except DataError as error:
        raise InvalidDescriptor(str(error), remedy="make the package again with `secure-ds dataset encrypt`") from error


def _require_own_tenant(descriptor: DatasetDescriptor, caller: Caller) -> None:
    if descriptor.tenant != caller.principal.tenant:
        raise InvalidDescriptor(
            "the descriptor was signed for another tenant", remedy=f"encrypt with --tenant {caller.principal.tenant}"
        )


def _limit(descriptor: DatasetDescriptor) -> Limit:
    """The budget that the owner signed, if anything could ever be released within it."""
    limit = ledger_limit(descriptor)
    try:
        units = limit.units
    except PrivacyError as error:
        raise InvalidDescriptor(
            f"the limits cannot be accounted: {error}", remedy="encrypt with other limits"
        ) from error
    if units < 1:
        raise InvalidDescriptor("the limits allow no release at all", remedy="encrypt with a larger epsilon")
    return limit


def _register_key(context: ServiceContext, caller: Caller, body: DatasetCreate) -> Registered:
    message = KeyRegistration(
        envelope=body.envelope,
        sealed_key=body.sealed_key,
        owner=caller.principal.id,
    )
    try:
        return context.custody.register(message)
    except CustodyRefused as refused:
        raise InvalidDescriptor(refused.detail, remedy=refused.remedy) from refused


def _row(
    context: ServiceContext, caller: Caller, body: DatasetCreate, descriptor: DatasetDescriptor, envelope: bytes
) -> DatasetRow:
    return DatasetRow(
        id=descriptor.dataset_id,
        tenant=caller.principal.tenant,
        owner=caller.principal.id,
        name=body.name,
        state=DatasetState.UPLOADING,
        sensitivity=body.sensitivity,
        purposes=frozenset(descriptor.limits.purposes),
        n_records=descriptor.n_records,
        n_features=descriptor.n_features,
        parameters=ring_name(descriptor.parameters),
        feature_map=descriptor.feature_map.map,
        descriptor_digest=descriptor.digest,
        envelope=envelope,
        sealed_key=base64.b64decode(body.sealed_key or ""),
        collaboration_id=descriptor.group.collaboration_id if descriptor.group else None,
        created_at=context.clock.now(),
    )
