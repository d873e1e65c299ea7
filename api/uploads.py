"""Where in a blob the bytes of a request belong (`Content-Range`, read strictly), and an upload's state as headers."""

import re
from typing import Final

from flask import Response
from pydantic import Field
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from secure_ds.wire.base import Message
from secure_ds.wire.datasets import BlobStatus

_RANGE: Final = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")

STATUS_HEADERS: Final = {
    "Upload-Offset": "bytes that have arrived; where to continue",
    "Upload-Length": "bytes of the whole blob",
    "Upload-Complete": "?1 when the blob is complete and checked, else ?0",
}


class UploadHeaders(Message):
    """Headers of an upload."""

    content_range: str | None = Field(
        default=None,
        alias="Content-Range",
        pattern=r"^bytes [0-9]{1,15}-[0-9]{1,15}/[0-9]{1,15}$",
        description="`bytes first-last/total`: which part of the blob this body is; without it, the whole blob",
    )


def upload_offset(content_range: str | None, length: int | None, limit: int) -> int:
    """Return where the body begins in its blob.

    Args:
        content_range: the request's `Content-Range`, if any.
        length: bytes of the body, if declared.
        limit: bytes that a blob may have.

    Raises:
        BadRequest: the range contradicts itself or the body's length.
        RequestEntityTooLarge: the blob it speaks of is above `limit`.
    """
    if content_range is None:
        return 0
    match = _RANGE.fullmatch(content_range)
    if match is None:
        raise BadRequest("Content-Range must be `bytes first-last/total`")
    first, last, total = (int(number) for number in match.groups())
    if not first <= last < total:
        raise BadRequest("Content-Range must have first <= last < total")
    if length is not None and length != last - first + 1:
        raise BadRequest(f"Content-Range speaks of {last - first + 1} bytes, Content-Length of {length}")
    if total > limit:
        raise RequestEntityTooLarge(f"a blob has at most {limit} bytes")
    return first


def with_status_headers(response: Response, status: BlobStatus) -> Response:
    """Add the state of an upload to its answer."""
    response.headers["Upload-Offset"] = str(status.offset)
    response.headers["Upload-Length"] = str(status.total)
    response.headers["Upload-Complete"] = "?1" if status.complete else "?0"
    return response
