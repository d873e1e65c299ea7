"""What a place for blobs must do: take files in pieces, resume after interruptions, keep only what matches its digest.

Rules, for every implementation (one conformance suite runs over all):
    - A blob is named by data set and digest; a name that is not an id or a digest is refused.
    - Pieces are appended in order, each at the offset where the stored part ends. An offset that `append` has returned
      survives a crash.
    - A blob can be opened only once it is finished, and it is finished only if its bytes have the announced digest. If
      they have not, they are thrown away.
    - One writer at a time: a second one is told so at once.
"""

from pathlib import Path
from typing import BinaryIO, ClassVar, Final, Protocol

from secure_ds.core.digest import is_digest
from secure_ds.core.ids import Prefix, is_id
from secure_ds.store.errors import StoreError

PIECE: Final = 1 << 20  # bytes read from a stream at a time
_OWNERS: Final[tuple[Prefix, ...]] = ("ds", "collab", "pred")


class BlobError(StoreError):
    """Root of what a place for blobs raises on purpose."""

    code: ClassVar[str] = "blob_error"


class OffsetMismatch(BlobError):
    """An upload does not continue where the stored part ends.

    Attributes:
        expected: the offset, in bytes, at which it continues.
    """

    code: ClassVar[str] = "offset_mismatch"

    def __init__(self, offset: int, expected: int) -> None:
        super().__init__(f"the upload starts at byte {offset}; the stored part ends at byte {expected}, continue there")
        self.expected = expected


class TooManyBytes(BlobError):
    """More bytes came than the blob may have; those within its size are kept."""

    code: ClassVar[str] = "too_many_bytes"


class BlobBusy(BlobError):
    """Another upload is writing to this blob at this moment."""

    code: ClassVar[str] = "blob_busy"


class BlobMissing(BlobError):
    """The blob has not arrived, or not yet in full."""

    code: ClassVar[str] = "blob_missing"


class DigestMismatch(BlobError):
    """The bytes that arrived are not those that were announced; they are thrown away."""

    code: ClassVar[str] = "digest_mismatch"


class Blobs(Protocol):
    """A place for blobs. Every method raises `ValueError` for a malformed data set id or digest."""

    def offset(self, dataset_id: str, digest: str) -> int:
        """Return how many bytes of the blob are stored; its whole size once it is finished."""
        ...

    def append(self, dataset_id: str, digest: str, offset: int, stream: BinaryIO, limit: int) -> int:
        """Store what the stream holds behind the first `offset` bytes, durably, and return the new offset.

        When the stream breaks, what came before is kept and its error passes through.

        Args:
            dataset_id: the data set that announces the blob.
            digest: its announced digest.
            offset: where in the blob the first byte of the stream belongs.
            stream: read in pieces until its end, or until one byte beyond the limit.
            limit: size, in bytes, that the blob may have in all.

        Raises:
            OffsetMismatch: the stored part does not end at `offset`.
            TooManyBytes: the stream goes on beyond the limit.
            BlobBusy: another upload is writing.
        """
        ...

    def finish(self, dataset_id: str, digest: str) -> None:
        """Check all bytes against the digest and make the blob readable; again changes nothing.

        Raises:
            BlobMissing: no byte of it has arrived.
            DigestMismatch: it is not what was announced; it is thrown away.
            BlobBusy: an upload is writing.
        """
        ...

    def open(self, dataset_id: str, digest: str) -> BinaryIO:
        """Open a finished blob for reading. Raises `BlobMissing`."""
        ...

    def file(self, dataset_id: str, digest: str) -> Path:
        """Return a file with a finished blob's bytes, for another process of this machine. Raises `BlobMissing`."""
        ...

    def delete(self, dataset_id: str, digest: str) -> None:
        """Remove whatever is stored of the blob, finished or not; when there is nothing, do nothing."""
        ...


def require_names(dataset_id: str, digest: str) -> None:
    """Refuse names that could lead anywhere but to a blob.

    Raises:
        ValueError: not a data set id, or not a digest.
    """
    if not any(is_id(dataset_id, prefix) for prefix in _OWNERS):
        raise ValueError("a blob belongs to a data set id, ds_<26 characters>, or to a collaboration's or prediction's")
    if not is_digest(digest):
        raise ValueError("a blob is named by its digest, sha256:<64 hex digits>")
