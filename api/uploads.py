"""Resumable uploads in headers: where a body continues its blob, and how much of the blob has arrived.

The names are those of the IETF draft on resumable uploads (draft-ietf-httpbis-resumable-upload).
"""

from typing import Final

from flask import Response
from pydantic import Field

from secure_ds.wire.base import Count, Message
from secure_ds.wire.datasets import BlobStatus

STATUS_HEADERS: Final = {
    "Upload-Offset": "bytes that have arrived; where to continue",
    "Upload-Length": "bytes of the whole blob",
    "Upload-Complete": "?1 when the blob is complete and checked, else ?0",
}


class UploadHeaders(Message):
    """Headers of an upload."""

    offset: Count = Field(default=0, alias="Upload-Offset", description="where in the blob the body begins")


def with_status_headers(response: Response, status: BlobStatus) -> Response:
    """Add the state of an upload to its answer."""
    response.headers["Upload-Offset"] = str(status.offset)
    response.headers["Upload-Length"] = str(status.total)
    response.headers["Upload-Complete"] = "?1" if status.complete else "?0"
    return response
