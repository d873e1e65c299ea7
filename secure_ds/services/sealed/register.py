"""Register a sealed data set: check what its owner signed, hand the sealed data key to the custodian, announce parts.

There is no check after the upload beyond digest and size: the parts are opened by the trainer of a job alone, which
refuses what is not what the descriptor says.
"""

import base64
import json

from audit.entry import Outcome
from policies.actions import Action
from policies.entities import Tenant
from secure_ds.core.principal import Caller
from secure_ds.data.errors import DataError
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.data.sealed.signed import open_own_sealed_descriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.privacy.errors import PrivacyError
from secure_ds.privacy.renyi import RenyiLimit
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.errors import InvalidDescriptor, StateConflict
from secure_ds.services.gate import Subject, decide, record
from secure_ds.services.idempotency import Idempotency
from secure_ds.services.sealed.parent import go_on_from_parent, require_may_go_on
from secure_ds.services.views import dataset_view
from secure_ds.store.rows import SEALED_PARAMETERS, BlobRow, DatasetRow
from secure_ds.wire.custodian import KeyRegistration
from secure_ds.wire.datasets import DatasetCreate, DatasetView

PART_KIND = "sealed_part"


def register_sealed_dataset(
    context: ServiceContext, caller: Caller, body: DatasetCreate, idempotency_key: str | None
) -> DatasetView:
    """Register a sealed data set of the caller's own.

    Raises:
        InvalidDescriptor: signature, contents or sealed key cannot be accepted.
        StateConflict: the id is taken.
    """
    decision = decide(context, caller, Action.DATASET_CREATE, Tenant(id=caller.principal.tenant))
    envelope = json.dumps(body.envelope.model_dump()).encode()
    descriptor = _open(envelope, caller)
    limit = _limit(descriptor)
    once = Idempotency(caller, idempotency_key, body)
    with context.store.write() as work:
        repeated = once.answered(work, DatasetView)
        if repeated is None:
            require_may_go_on(context, work, caller, descriptor, limit)
    if repeated is None:
        _register_key(context, caller, body)
    with context.store.write() as work:
        if answered := once.answered(work, DatasetView):
            subject = Subject(dataset_id=answered.id)
            record(work, caller, Action.DATASET_CREATE, subject, decision, details={"repeated": True})
            return answered
        if work.datasets.get(descriptor.dataset_id) is not None:
            raise StateConflict("a data set with this id exists already", remedy="seal again")
        row = _row(context, caller, body, descriptor, envelope)
        work.datasets.add(row)
        work.blobs.expect(row.id, announced_parts(descriptor))
        work.renyi_ledger.open(row.id, go_on_from_parent(context, work, caller, descriptor, limit))
        details = {"descriptor": row.descriptor_digest, "parts": len(descriptor.parts)}
        subject = Subject(dataset_id=row.id)
        record(work, caller, Action.DATASET_CREATE, subject, decision, outcome=Outcome.ALLOWED, details=details)
        return once.remember(work, dataset_view(work, row), status=201)


def announced_parts(descriptor: SealedDescriptor) -> list[BlobRow]:
    """Return a row for every part of the container, in order."""
    return [BlobRow(part.digest, PART_KIND, None, number, part.bytes) for number, part in enumerate(descriptor.parts)]


def _open(envelope: bytes, caller: Caller) -> SealedDescriptor:
    try:
        descriptor = open_own_sealed_descriptor(envelope)
    except DataError as error:
        raise InvalidDescriptor(str(error), remedy="make the package again with `secure-ds dataset seal`") from error
    if descriptor.tenant != caller.principal.tenant:
        raise InvalidDescriptor(
            "the descriptor was signed for another tenant", remedy=f"seal with --tenant {caller.principal.tenant}"
        )
    return descriptor


def _limit(descriptor: SealedDescriptor) -> RenyiLimit:
    """What the owner signed, if anything could ever be released within it."""
    limits = descriptor.limits
    try:
        return RenyiLimit(limits.epsilon, limits.delta, limits.orders)
    except PrivacyError as error:
        raise InvalidDescriptor(f"the limits cannot be accounted: {error}", remedy="seal with other limits") from error


def _register_key(context: ServiceContext, caller: Caller, body: DatasetCreate) -> None:
    message = KeyRegistration(envelope=body.envelope, sealed_key=body.sealed_key, owner=caller.principal.id)
    try:
        context.custody.register_sealed(message)
    except CustodyRefused as refused:
        raise InvalidDescriptor(refused.detail, remedy=refused.remedy) from refused


def _row(
    context: ServiceContext, caller: Caller, body: DatasetCreate, descriptor: SealedDescriptor, envelope: bytes
) -> DatasetRow:
    return DatasetRow(
        id=descriptor.dataset_id,
        tenant=caller.principal.tenant,
        owner=caller.principal.id,
        name=body.name,
        state=DatasetState.UPLOADING,
        sensitivity=body.sensitivity,
        purposes=frozenset(descriptor.limits.purposes),
        n_records=descriptor.n_rows,
        n_features=descriptor.records.n_features,
        parameters=SEALED_PARAMETERS,
        feature_map=descriptor.records.kind,
        descriptor_digest=descriptor.digest,
        envelope=envelope,
        sealed_key=base64.b64decode(body.sealed_key or ""),
        created_at=context.clock.now(),
    )
