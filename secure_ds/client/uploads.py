"""Resumable uploads: a blob travels once, whatever happens to the connection on the way.

The server is asked how far it is before anything is sent, and again after every interruption. An upload gives up only
when several attempts in a row brought nothing forward.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from secure_ds.client.errors import InvalidPackage, ProblemError, ServiceUnreachable, UnexpectedAnswer
from secure_ds.client.http import ATTEMPTS, FIRST_PAUSE, Http
from secure_ds.wire.datasets import BlobStatus

PIECE = 1 << 18  # bytes between two reports of progress
RETRIED = frozenset({409, 503})  # another offset than thought; a part of the service away

Progress = Callable[[int], None]
"""Told how many bytes of the blob have been sent; goes back when some have to be sent again."""


class Uploader:
    """Uploads files to blobs."""

    def __init__(self, http: Http, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http
        self._sleep = sleep

    def status(self, url: str, digest: str) -> BlobStatus:
        """Return how much of the blob at `url` has arrived."""
        headers = self._http.request("HEAD", url).headers
        try:
            return BlobStatus(
                digest=digest,
                offset=int(headers["Upload-Offset"]),
                total=int(headers["Upload-Length"]),
                complete=headers["Upload-Complete"] == "?1",
            )
        except (KeyError, ValueError):
            raise UnexpectedAnswer("the service does not say how much of the blob has arrived") from None

    def upload(self, url: str, digest: str, path: Path, progress: Progress) -> BlobStatus:
        """Send what is missing of a file, resuming as often as it takes.

        Raises:
            InvalidPackage: the file has another length than the service expects.
            ProblemError: the service refuses the blob.
            ServiceUnreachable: it did not answer, or nothing moved, in several attempts.
        """
        status = self.status(url, digest)
        if path.stat().st_size != status.total:
            raise InvalidPackage(f"{path.name} has {path.stat().st_size} bytes, its descriptor says {status.total}")
        failures = 0
        while not status.complete:
            try:
                status = self._send_rest(url, status, path, progress)
            except (ServiceUnreachable, ProblemError) as error:
                if failures >= ATTEMPTS or (isinstance(error, ProblemError) and error.status not in RETRIED):
                    raise
                self._sleep(FIRST_PAUSE * 2**failures)
                before, status = status, self.status(url, digest)
                failures = 0 if status.offset > before.offset else failures + 1
        progress(status.total)
        return status

    def _send_rest(self, url: str, status: BlobStatus, path: Path, progress: Progress) -> BlobStatus:
        headers = {
            "Upload-Offset": str(status.offset),
            "Content-Type": "application/octet-stream",
            "Content-Length": str(status.total - status.offset),
        }
        answer = self._http.request("PUT", url, content=_rest(path, status.offset, progress), headers=headers)
        return BlobStatus.model_validate_json(answer.content)


def _rest(path: Path, offset: int, progress: Progress) -> Iterator[bytes]:
    with path.open("rb") as source:
        source.seek(offset)
        while piece := source.read(PIECE):
            yield piece
            offset += len(piece)
            progress(offset)
