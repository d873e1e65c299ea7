"""Bytes to SEAL objects and back, never through a disk.

Rules kept here:

1. SEAL's Python binding only reads and writes *paths*. The path is always an anonymous memory file of this process
   (`memfd_create`), so neither a key nor a ciphertext ever reaches a file system.
2. What leaves is always uncompressed: one object has one encoding of one length, and whoever receives it can check
   every byte of it without running a decompressor (see `secure_ds.ckks.format`). Only a `MemoryFile`, which passes
   between the processes of one evaluation, holds what SEAL writes as it is.
"""

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import zstandard

from secure_ds.ckks.format import COMPRESSION_NONE, HEADER


class Savable(Protocol):
    """A SEAL object that can write itself to a path."""

    def save(self, path: str, /) -> None:
        """Write the object to `path`."""


class Loadable(Protocol):
    """A SEAL object that can read itself from a path, within a context."""

    def load(self, context: Any, path: str, /) -> None:
        """Replace the object by what `path` holds."""


class MemoryFile:
    """A SEAL object in a memory file; the file's end comes when nobody refers to it, here or in another process.

    Attributes:
        descriptor: of the file; another process may be given it.
    """

    def __init__(self, descriptor: int) -> None:
        """Take over an open descriptor."""
        self.descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)


def to_file(seal_object: Savable) -> MemoryFile:
    """Write a SEAL object into a new memory file."""
    file = MemoryFile(os.memfd_create("seal", os.MFD_CLOEXEC))
    seal_object.save(_path(file.descriptor))
    return file


def from_file(seal_object: Loadable, context: Any, file: MemoryFile) -> None:
    """Fill `seal_object` from what `to_file` has written, in this process or in another one of this program."""
    seal_object.load(context, _path(file.descriptor))


def save(seal_object: Savable) -> bytes:
    """Return the uncompressed SEAL encoding of `seal_object`."""
    with _memory_file() as (descriptor, path):
        seal_object.save(path)
        return uncompressed(_read_all(descriptor))


def load(seal_object: Loadable, context: Any, data: bytes | memoryview) -> None:
    """Fill `seal_object` from its SEAL encoding.

    SEAL is not safe on hostile bytes: `data` must have passed the matching check of `secure_ds.ckks.format`, or have
    been made by this process.

    Raises:
        RuntimeError: SEAL refused the bytes.
    """
    with _memory_file() as (descriptor, path):
        _write_all(descriptor, data)
        seal_object.load(context, path)


def uncompressed(data: bytes) -> bytes:
    """Return the same SEAL file with compression mode *none*.

    Only for what this process has just saved: the decompressed size is whatever the stream says.
    """
    magic, header_size, major, minor, compression, reserved, _ = HEADER.unpack_from(data)
    if compression == COMPRESSION_NONE:
        return data
    body = zstandard.ZstdDecompressor().decompressobj().decompress(memoryview(data)[header_size:])
    total = header_size + len(body)
    return HEADER.pack(magic, header_size, major, minor, COMPRESSION_NONE, reserved, total) + body


@contextmanager
def _memory_file() -> Iterator[tuple[int, str]]:
    descriptor = os.memfd_create("seal", os.MFD_CLOEXEC)
    try:
        yield descriptor, _path(descriptor)
    finally:
        os.close(descriptor)


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:  # one read moves at most 2 GiB
        done += os.preadv(descriptor, [view[done:]], done)
    return bytes(data)


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]
