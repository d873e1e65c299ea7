"""Ciphertexts in bounded memory: what does not fit lies in a file and is read for each use.

Rules kept here:
  1. Ciphertexts are kept in order of arrival until the limit is reached; later ones go to the file. A training step
     reads every ciphertext once, in order, where a cache of the last ones used would never hit.
  2. The file has no name: it is deleted as it is made, so nobody else can change what is read back, and it is gone with
     the process. It holds ciphertexts alone, as SEAL writes them.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.core.resources import Resources


@dataclass(frozen=True)
class _InFile:
    offset: int
    length: int


class CiphertextStore:
    """An append-only list of ciphertexts."""

    def __init__(self, engine: Engine, resources: Resources) -> None:
        """Make an empty store; the file is made when it is first needed."""
        self._engine, self._resources = engine, resources
        self._entries: list[Ciphertext | _InFile] = []
        self._held = self._written = 0
        self._file: int | None = None

    def append(self, ciphertext: Ciphertext) -> int:
        """Keep a ciphertext; return its number."""
        size = ciphertext.size() * ciphertext.coeff_modulus_size() * ciphertext.poly_modulus_degree() * 8
        if self._held + size <= self._resources.memory:
            self._held += size
            self._entries.append(ciphertext)
        else:
            self._entries.append(self._write(self._engine.save(ciphertext)))
        return len(self._entries) - 1

    def __getitem__(self, number: int) -> Ciphertext:
        """Return a ciphertext, from memory or from the file."""
        entry = self._entries[number]
        return self._engine.load(self._read(entry)) if isinstance(entry, _InFile) else entry

    @property
    def bytes_written(self) -> int:
        """Bytes that lie in the file."""
        return self._written

    def close(self) -> None:
        """Let go of everything."""
        self._entries.clear()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, data: bytes) -> _InFile:
        if self._file is None:
            descriptor, path = tempfile.mkstemp(prefix="ciphertexts-", dir=self._resources.directory)
            os.unlink(path)
            self._file = descriptor
        place, view = _InFile(self._written, len(data)), memoryview(data)
        while view:
            count = os.pwrite(self._file, view, self._written)
            self._written, view = self._written + count, view[count:]
        return place

    def _read(self, place: _InFile) -> bytes:
        data, done = bytearray(place.length), 0
        while done < place.length:
            count = os.preadv(self._descriptor, [memoryview(data)[done:]], place.offset + done)
            if not count:
                raise OSError("the file of ciphertexts is shorter than what was written to it")
            done += count
        return bytes(data)

    @property
    def _descriptor(self) -> int:
        if self._file is None:
            raise ValueError("the store is closed")
        return self._file
