"""Bytes to SEAL objects and back, never through a disk.

Rules kept here:

1. SEAL's Python binding only reads and writes *paths*. The path is always an anonymous memory file of this process
   (`memfd_create`), so neither a key nor a ciphertext ever reaches a file system.
2. What leaves is always uncompressed: one object has one encoding of one length, and whoever receives it can check
   every byte of it without running a decompressor (see `secure_ds.ckks.format`).
"""

import os
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
        yield descriptor, f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)


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
