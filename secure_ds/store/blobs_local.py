"""Blobs as files in one folder: `<root>/<data set>/<hex digest>`, with the suffix `.part` until they are finished.

Rules, beyond those of `secure_ds.store.blobs`:
    - A writer holds an exclusive lock on the part file, across processes, and makes sure that the file it locked is
      still the one in the folder. The lock goes with its process, so a crash leaves none behind.
    - Bytes are on the disk before their offset is returned, and a finished file with its name before `finish` returns.
    - Files are readable by their owner alone and never change once finished.
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

from secure_ds.store.blobs import (
    PIECE,
    BlobBusy,
    BlobMissing,
    DigestMismatch,
    OffsetMismatch,
    TooManyBytes,
    require_names,
)


class LocalBlobs:
    """A `Blobs` in a folder, shared by the processes of one machine.

    Args:
        root: the folder; made if it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, dataset_id: str, digest: str) -> Path:
        """Return where the finished blob is, or will be."""
        require_names(dataset_id, digest)
        return self._root / dataset_id / digest.removeprefix("sha256:")

    def offset(self, dataset_id: str, digest: str) -> int:
        """See `Blobs.offset`."""
        final = self.path(dataset_id, digest)
        return next((path.stat().st_size for path in (final, _part(final)) if path.exists()), 0)

    def append(self, dataset_id: str, digest: str, offset: int, stream: BinaryIO, limit: int) -> int:
        """See `Blobs.append`."""
        final = self.path(dataset_id, digest)
        final.parent.mkdir(mode=0o700, exist_ok=True)
        with _locked(_part(final), create=True) as part:
            if final.exists():
                _part(final).unlink()
                raise OffsetMismatch(offset, final.stat().st_size)
            end = part.seek(0, os.SEEK_END)
            if offset != end:
                if end == 0:
                    _part(final).unlink()  # nothing has arrived, so nothing is left behind
                raise OffsetMismatch(offset, end)
            if end == 0:
                self._keep_names(final.parent)
            try:
                _copy(stream, part, limit - end)
            finally:
                _keep_bytes(part)
            return part.tell()

    def finish(self, dataset_id: str, digest: str) -> None:
        """See `Blobs.finish`."""
        final = self.path(dataset_id, digest)
        if final.exists():
            return
        try:
            with _locked(_part(final), create=False) as part:
                found = hashlib.file_digest(part, "sha256").hexdigest()
                if found != final.name:
                    _part(final).unlink()
                    raise DigestMismatch(f"the bytes that arrived have the digest sha256:{found}, not {digest}")
                _part(final).rename(final)
                self._keep_names(final.parent)
        except FileNotFoundError as error:
            raise BlobMissing(f"no byte of blob {digest} has arrived") from error

    def open(self, dataset_id: str, digest: str) -> BinaryIO:
        """See `Blobs.open`."""
        try:
            return self.path(dataset_id, digest).open("rb")
        except FileNotFoundError as error:
            raise BlobMissing(f"blob {digest} has not arrived in full") from error

    def file(self, dataset_id: str, digest: str) -> Path:
        """See `Blobs.file`."""
        final = self.path(dataset_id, digest)
        if not final.exists():
            raise BlobMissing(f"blob {digest} has not arrived in full")
        return final

    def delete(self, dataset_id: str, digest: str) -> None:
        """See `Blobs.delete`."""
        final = self.path(dataset_id, digest)
        for path in (final, _part(final)):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # the folder goes with its last blob
            final.parent.rmdir()

    def _keep_names(self, folder: Path) -> None:
        """Make the names in a data set's folder, and its own, survive a power cut."""
        for path in (folder, self._root):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _part(final: Path) -> Path:
    return final.with_suffix(".part")


@contextmanager
def _locked(path: Path, *, create: bool) -> Iterator[BufferedRandom]:
    """Open the file for reading and writing, alone.

    Raises:
        FileNotFoundError: it is not there and `create` is false.
        BlobBusy: it is locked, or was replaced while it was being opened.
    """
    descriptor = os.open(path, os.O_RDWR | (os.O_CREAT if create else 0), 0o600)
    with open(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlobBusy("another upload is writing to this blob; ask for its status and try again") from error
        if not path.exists() or not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise BlobBusy("this blob was finished or thrown away just now; ask for its status")
        yield file


def _copy(stream: BinaryIO, part: BufferedRandom, room: int) -> None:
    while piece := stream.read(min(PIECE, room + 1)):
        part.write(piece[:room])
        room -= len(piece)
        if room < 0:
            raise TooManyBytes(f"the upload goes on beyond the size of the blob, {part.tell()} bytes")


def _keep_bytes(part: BufferedRandom) -> None:
    part.flush()
    os.fsync(part.fileno())
