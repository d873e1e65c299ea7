"""Collaborations: several tenants that train together under one key that none of them holds."""

from collections.abc import Iterator

from api.blueprints.parameters import IdempotencyHeaders
from api.openapi import OperationBlueprint
from api.openapi.operation import OCTETS
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.base import CollaborationId, DatasetId, Digest, Page, PageQuery
from secure_ds.wire.collaborations import CollaborationCreate, CollaborationView, ConsentGive, ConsentView
from secure_ds.wire.datasets import Envelope

collaborations = OperationBlueprint("collaborations", "Several owners in one job: a group's key, members, consents.")


@collaborations.operation("POST", "/v1/collaborations", status=201, problems=(409,))
def create_collaboration(
    verbs: Verbs, caller: Caller, body: CollaborationCreate, headers: IdempotencyHeaders
) -> CollaborationView:
    """Call for a collaboration.

    The custodian makes its keys and signs a statement of its members, terms and keys. Members check that signature
    against the keys they pinned, encrypt under the public key, and let their data sets take part by signed consent.
    """
    return verbs.create_collaboration(caller, body, headers.idempotency_key)


@collaborations.operation("GET", "/v1/collaborations", problems=(404,))
def list_collaborations(verbs: Verbs, caller: Caller, query: PageQuery) -> Page[CollaborationView]:
    """List the collaborations of the caller's tenant."""
    return verbs.list_collaborations(caller, query.cursor, query.limit)


@collaborations.operation("GET", "/v1/collaborations/{collaboration_id}")
def show_collaboration(verbs: Verbs, caller: Caller, collaboration_id: CollaborationId) -> CollaborationView:
    """Show a collaboration, and of the data sets that take part what every member may see."""
    return verbs.show_collaboration(caller, collaboration_id)


@collaborations.operation("GET", "/v1/collaborations/{collaboration_id}/statement")
def show_statement(verbs: Verbs, caller: Caller, collaboration_id: CollaborationId) -> Envelope:
    """Show the statement as the custodian signed it."""
    return verbs.show_statement(caller, collaboration_id)


@collaborations.operation("GET", "/v1/collaborations/{collaboration_id}/files/{digest}", media=(OCTETS,))
def download_group_file(
    verbs: Verbs, caller: Caller, collaboration_id: CollaborationId, digest: Digest
) -> Iterator[bytes]:
    """Download one of the group's public files: its public key or its evaluation keys."""
    return verbs.download_group_file(caller, collaboration_id, digest)


@collaborations.operation("POST", "/v1/datasets/{dataset_id}/join", problems=(409,))
def join_collaboration(verbs: Verbs, caller: Caller, dataset_id: DatasetId, body: ConsentGive) -> ConsentView:
    """Let a data set take part in the collaboration under whose key it was encrypted."""
    return verbs.join_collaboration(caller, dataset_id, body)


@collaborations.operation("POST", "/v1/datasets/{dataset_id}/withdraw", problems=(409,))
def withdraw_from_collaboration(verbs: Verbs, caller: Caller, dataset_id: DatasetId, body: ConsentGive) -> ConsentView:
    """Take that consent back: running jobs stop at their next step. The receipt shows that the custodian has it."""
    return verbs.withdraw_from_collaboration(caller, dataset_id, body)
