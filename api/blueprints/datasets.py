"""Data sets, their budgets and their blobs."""

from collections.abc import Iterator

from flask import Response

from api.blueprints.parameters import IdempotencyHeaders
from api.openapi import OperationBlueprint, RawBody
from api.openapi.operation import OCTETS
from api.uploads import STATUS_HEADERS, UploadHeaders, with_status_headers
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.base import DatasetId, Digest, Page, PageQuery
from secure_ds.wire.datasets import BlobStatus, BudgetView, DatasetCreate, DatasetView, Envelope

datasets = OperationBlueprint("datasets", "Encrypted data sets: signed limits, ciphertexts, budget.")
BLOB = "/v1/datasets/{dataset_id}/blobs/{digest}"


@datasets.operation("POST", "/v1/datasets", status=201, problems=(409,))
def register_dataset(verbs: Verbs, caller: Caller, body: DatasetCreate, headers: IdempotencyHeaders) -> DatasetView:
    """Register a data set.

    The owner's signed descriptor fixes its size, parameters, limits and the digest of every blob; the secret key comes
    sealed to the custodian. The blobs follow.
    """
    return verbs.register_dataset(caller, body, headers.idempotency_key)


@datasets.operation("GET", "/v1/datasets", problems=(404,))
def list_datasets(verbs: Verbs, caller: Caller, query: PageQuery) -> Page[DatasetView]:
    """List the data sets that the caller may see."""
    return verbs.list_datasets(caller, query.cursor, query.limit)


@datasets.operation("GET", "/v1/datasets/{dataset_id}")
def show_dataset(verbs: Verbs, caller: Caller, dataset_id: DatasetId) -> DatasetView:
    """Show a data set."""
    return verbs.show_dataset(caller, dataset_id)


@datasets.operation("GET", "/v1/datasets/{dataset_id}/descriptor")
def show_descriptor(verbs: Verbs, caller: Caller, dataset_id: DatasetId) -> Envelope:
    """Show the descriptor as its owner signed it: limits, feature map, parameters, the digest of every blob."""
    return verbs.show_descriptor(caller, dataset_id)


@datasets.operation("GET", "/v1/datasets/{dataset_id}/budget")
def show_budget(verbs: Verbs, caller: Caller, dataset_id: DatasetId) -> BudgetView:
    """Show what a data set may still release."""
    return verbs.show_budget(caller, dataset_id)


@datasets.operation("HEAD", BLOB, media=(), answer_headers=STATUS_HEADERS)
def blob_status(verbs: Verbs, caller: Caller, dataset_id: DatasetId, digest: Digest) -> Response:
    """Tell how much of a blob has arrived, in headers."""
    return with_status_headers(Response(), verbs.blob_status(caller, dataset_id, digest))


@datasets.operation("GET", BLOB, media=(OCTETS,))
def download_blob(verbs: Verbs, caller: Caller, dataset_id: DatasetId, digest: Digest) -> Iterator[bytes]:
    """Download a blob."""
    return verbs.download_blob(caller, dataset_id, digest)


@datasets.operation("PUT", BLOB, problems=(409,))
def upload_blob(
    verbs: Verbs, caller: Caller, dataset_id: DatasetId, digest: Digest, headers: UploadHeaders, body: RawBody
) -> BlobStatus:
    """Upload a blob, or the part of it that begins at `Upload-Offset`.

    Parts follow one another without gaps. When the last byte has arrived the blob is checked against the digest that
    the owner signed, and refused as a whole if it differs. After a dropped connection, ask for the status and go on.
    """
    return verbs.upload_blob(caller, dataset_id, digest, headers.offset, body.stream, body.length)


@datasets.operation("POST", "/v1/datasets/{dataset_id}/finish", status=202, problems=(409,))
def finish_upload(verbs: Verbs, caller: Caller, dataset_id: DatasetId) -> DatasetView:
    """Close an upload, and have the data set checked."""
    return verbs.finish_upload(caller, dataset_id)
