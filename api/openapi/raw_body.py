"""A request body that is bytes, read as it arrives and never more of it than allowed."""

import io
from typing import IO, BinaryIO

from flask import Request
from werkzeug.exceptions import ClientDisconnected

CHUNK = 1 << 20  # bytes


class RawBody:
    """The body of an `application/octet-stream` request.

    `length` is what the request declares, or `None` for a chunked one. `stream` ends early, without an error, when the
    connection drops: what arrived is worth keeping, and a resumed upload continues behind it.
    """

    def __init__(self, request: Request, limit: int) -> None:
        """Prepare to read.

        Raises:
            RequestEntityTooLarge: the declared length is above `limit`. A chunked body raises it when it gets there.
        """
        request.max_content_length = limit
        self.length = request.content_length
        self.stream: BinaryIO = io.BufferedReader(_Arriving(request.stream), CHUNK)


class _Arriving(io.RawIOBase):
    def __init__(self, source: IO[bytes]) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # always a memoryview here
        try:
            data = self._source.read(len(buffer))
        except ClientDisconnected:
            return 0
        buffer[: len(data)] = data
        return len(data)
