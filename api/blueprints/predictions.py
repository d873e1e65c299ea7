"""Networks, and predictions on ciphertexts under the caller's own key."""

from collections.abc import Iterator

from flask import Response

from api.blueprints.parameters import IdempotencyHeaders
from api.openapi import OperationBlueprint, RawBody
from api.openapi.operation import OCTETS
from api.uploads import STATUS_HEADERS, UploadHeaders, with_status_headers
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.base import Digest, NetworkId, PredictionId
from secure_ds.wire.datasets import BlobStatus
from secure_ds.wire.predictions import NetworkCreate, NetworkView, PredictionCreate, PredictionView

predictions = OperationBlueprint("predictions", "Networks applied to ciphertexts under the caller's own key.")
FILE = "/v1/predictions/{prediction_id}/files/{digest}"


@predictions.operation("POST", "/v1/networks", status=201, problems=(409,))
def register_network(verbs: Verbs, caller: Caller, body: NetworkCreate, headers: IdempotencyHeaders) -> NetworkView:
    """Hand in a network; it is public to the caller's tenant."""
    return verbs.register_network(caller, body, headers.idempotency_key)


@predictions.operation("GET", "/v1/networks/{network_id}")
def show_network(verbs: Verbs, caller: Caller, network_id: NetworkId) -> NetworkView:
    """Show a network."""
    return verbs.show_network(caller, network_id)


@predictions.operation("GET", "/v1/networks/{network_id}/file", media=(OCTETS,))
def download_network(verbs: Verbs, caller: Caller, network_id: NetworkId) -> bytes:
    """Download a network (safetensors): what a client plans from."""
    return verbs.download_network(caller, network_id)


@predictions.operation("POST", "/v1/predictions", status=201, problems=(404, 409))
def request_prediction(
    verbs: Verbs, caller: Caller, body: PredictionCreate, headers: IdempotencyHeaders
) -> PredictionView:
    """Ask for a prediction: the plan and the digest of every file.

    The files follow; their lengths are those of the plan. With the last of them the prediction is queued.
    """
    return verbs.request_prediction(caller, body, headers.idempotency_key)


@predictions.operation("GET", "/v1/predictions/{prediction_id}")
def show_prediction(verbs: Verbs, caller: Caller, prediction_id: PredictionId) -> PredictionView:
    """Show how far a prediction is, and the digests of its answers once it is done."""
    return verbs.show_prediction(caller, prediction_id)


@predictions.operation("HEAD", FILE, media=(), answer_headers=STATUS_HEADERS)
def prediction_file_status(verbs: Verbs, caller: Caller, prediction_id: PredictionId, digest: Digest) -> Response:
    """Tell how much of a file has arrived, in headers."""
    return with_status_headers(Response(), verbs.prediction_file_status(caller, prediction_id, digest))


@predictions.operation("PUT", FILE, problems=(409,))
def upload_prediction_file(
    verbs: Verbs, caller: Caller, prediction_id: PredictionId, digest: Digest, headers: UploadHeaders, body: RawBody
) -> BlobStatus:
    """Upload a file, or the part of it that begins at `Upload-Offset`, as blobs of data sets are uploaded."""
    return verbs.upload_prediction_file(caller, prediction_id, digest, headers.offset, body.stream, body.length)


@predictions.operation("GET", FILE, media=(OCTETS,))
def download_prediction_file(
    verbs: Verbs, caller: Caller, prediction_id: PredictionId, digest: Digest
) -> Iterator[bytes]:
    """Download an answer: a ciphertext that only whoever asked can read."""
    return verbs.download_prediction_file(caller, prediction_id, digest)
