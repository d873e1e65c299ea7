"""Take in a network for encrypted predictions: public to its tenant, not trained here, so nothing vouches for it."""

import base64

from policies.actions import Action
from policies.entities import Tenant
from secure_ds.ckks.errors import InvalidNetwork
from secure_ds.ckks.network import Network
from secure_ds.ckks.network_files import read_network
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import InvalidNetworkFile
from secure_ds.services.facts import network_facts
from secure_ds.services.gate import Subject, decide, permit, record, verb
from secure_ds.services.idempotency import Idempotency
from secure_ds.services.lookups import find_network
from secure_ds.services.views import network_view
from secure_ds.store.rows import NetworkRow
from secure_ds.wire.predictions import NetworkCreate, NetworkView


@verb(Action.MODEL_REGISTER)
def register_network(
    context: ServiceContext, caller: Caller, body: NetworkCreate, idempotency_key: str | None
) -> NetworkView:
    """Store a network.

    Raises:
        InvalidNetworkFile: the file is not one that `network_files.write_network` writes.
    """
    decision = decide(context, caller, Action.MODEL_REGISTER, Tenant(id=caller.principal.tenant))
    data = base64.b64decode(body.file)
    network = _read(data)
    once = Idempotency(caller, idempotency_key, body)
    with context.store.write() as work:
        if answered := once.answered(work, NetworkView):
            subject = Subject(object_id=answered.id)
            record(work, caller, Action.MODEL_REGISTER, subject, decision, details={"repeated": True})
            return answered
        row = NetworkRow(
            id=new_id("net"),
            tenant=caller.principal.tenant,
            owner=caller.principal.id,
            name=body.name,
            digest=digest_bytes(data),
            file=data,
            created_at=work.now,
        )
        work.networks.add(row)
        details = {"network": row.digest, "name": row.name}
        record(work, caller, Action.MODEL_REGISTER, Subject(object_id=row.id), decision, details=details)
        return once.remember(work, network_view(row, network), status=201)


@verb(Action.NETWORK_READ)
def show_network(context: ServiceContext, caller: Caller, network_id: str) -> NetworkView:
    """Return what there is to know of a network."""
    row = _permitted(context, caller, network_id)
    return network_view(row, read_network(row.file))


@verb(Action.NETWORK_READ)
def download_network(context: ServiceContext, caller: Caller, network_id: str) -> bytes:
    """Return a network's file."""
    return _permitted(context, caller, network_id).file


def _read(data: bytes) -> Network:
    try:
        return read_network(data)
    except InvalidNetwork as error:
        raise InvalidNetworkFile(
            str(error), remedy="write it with secure_ds.ckks.network_files.write_network"
        ) from error


def _permitted(context: ServiceContext, caller: Caller, network_id: str) -> NetworkRow:
    with context.store.write() as work:
        row = find_network(work, network_id)
        subject = Subject(object_id=row.id)
        permit(context, work, caller, Action.NETWORK_READ, network_facts(row), subject, network=row.digest)
        return row
