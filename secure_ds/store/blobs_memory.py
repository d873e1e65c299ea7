"""Blobs in memory, for whatever lives only as long as its process. Keeps the rules of `secure_ds.store.blobs`."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from secure_ds.core.digest import digest_bytes
from secure_ds.store.blobs import (
    PIECE,
    BlobBusy,
    BlobMissing,
    DigestMismatch,
    OffsetMismatch,
    TooManyBytes,
    require_names,
)


class MemoryBlobs:
    """A `Blobs` in dictionaries."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], bytearray] = {}
        self._finished: dict[tuple[str, str], bytes] = {}
        self._writing: set[tuple[str, str]] = set()
        self._files = TemporaryDirectory(prefix="blobs-")

    def offset(self, dataset_id: str, digest: str) -> int:
        """See `Blobs.offset`."""
        key = _key(dataset_id, digest)
        return len(self._finished.get(key, self._parts.get(key, b"")))

    def append(self, dataset_id: str, digest: str, offset: int, stream: BinaryIO, limit: int) -> int:
        """See `Blobs.append`."""
        key = self._idle(dataset_id, digest)
        stored = self.offset(dataset_id, digest)
        if key in self._finished or offset != stored:
            raise OffsetMismatch(offset, stored)
        self._writing.add(key)
        try:
            return _copy(stream, self._parts.setdefault(key, bytearray()), limit)
        finally:
            self._writing.discard(key)

    def finish(self, dataset_id: str, digest: str) -> None:
        """See `Blobs.finish`."""
        key = self._idle(dataset_id, digest)
        if key in self._finished:
            return
        if key not in self._parts:
            raise BlobMissing(f"no byte of blob {digest} has arrived")
        data = bytes(self._parts.pop(key))
        if digest_bytes(data) != digest:
            raise DigestMismatch(f"the bytes that arrived have the digest {digest_bytes(data)}, not {digest}")
        self._finished[key] = data

    def open(self, dataset_id: str, digest: str) -> BinaryIO:
        """See `Blobs.open`."""
        key = _key(dataset_id, digest)
        if key not in self._finished:
            raise BlobMissing(f"blob {digest} has not arrived in full")
        return io.BytesIO(self._finished[key])

    def file(self, dataset_id: str, digest: str) -> Path:
        """See `Blobs.file`."""
        with self.open(dataset_id, digest) as stored:
            path = Path(self._files.name) / digest.removeprefix("sha256:")
            path.write_bytes(stored.read())
        return path

    def delete(self, dataset_id: str, digest: str) -> None:
        """See `Blobs.delete`."""
        key = _key(dataset_id, digest)
        self._parts.pop(key, None)
        self._finished.pop(key, None)

    def _idle(self, dataset_id: str, digest: str) -> tuple[str, str]:
        key = _key(dataset_id, digest)
        if key in self._writing:
            raise BlobBusy("another upload is writing to this blob; ask for its status and try again")
        return key


def _key(dataset_id: str, digest: str) -> tuple[str, str]:
    require_names(dataset_id, digest)
    return dataset_id, digest


def _copy(stream: BinaryIO, part: bytearray, limit: int) -> int:
    while piece := stream.read(min(PIECE, limit - len(part) + 1)):
        room = limit - len(part)
        part += piece[:room]
        if len(piece) > room:
            raise TooManyBytes(f"the upload goes on beyond the size of the blob, {limit} bytes")
    return len(part)
