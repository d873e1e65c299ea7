"""Random bits of one process: ChaCha20 under a key that nobody can know or repeat.

Rules kept here:

1. The key is 32 bytes from the operating system, made with the object. No argument sets it, nothing returns it, no
   `repr` shows it, and the object cannot be copied or pickled.
2. Every request has a nonce of its own (a 64-bit count), so no block is used twice; a forked child makes its own key.
3. CPU and CUDA give the same bytes: on the CPU OpenSSL computes them, elsewhere `chacha20`.
"""

from __future__ import annotations

import os
import struct
from itertools import count
from typing import Final, NoReturn

import torch
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from secure_ds.training.dp.noise.chacha20 import BLOCK_BYTES, KEY_BYTES, NONCE_BYTES, chacha20_blocks

_WORD_BYTES: Final = 8


class Keystream:
    """An unrepeatable stream of uniform bits."""

    def __init__(self) -> None:
        self._renew()

    def words(self, number: int, device: torch.device) -> torch.Tensor:
        """Return (number,) independent int64, uniform over all 2^64 values.

        Args:
            number: below 2^35, what one nonce can give.
            device: where they are wanted and computed.
        """
        if not number:
            return torch.empty(0, dtype=torch.int64, device=device)
        nonce = self._next_nonce()
        if device.type == "cpu":
            return torch.frombuffer(_openssl(self._key, nonce, number * _WORD_BYTES), dtype=torch.int64)
        blocks = -(-number * _WORD_BYTES // BLOCK_BYTES)
        return chacha20_blocks(self._key, nonce, 0, blocks, device).view(-1).view(torch.int64)[:number]

    def integer(self, n_bytes: int) -> int:
        """Return an integer uniform in [0, 256^n_bytes)."""
        return int.from_bytes(_openssl(self._key, self._next_nonce(), n_bytes), "little")

    def __reduce__(self) -> NoReturn:
        """Refuse: a copy would repeat the stream."""
        raise TypeError("a keystream cannot be copied or pickled; make a new one")

    def _renew(self) -> None:
        self._key, self._process = os.urandom(KEY_BYTES), os.getpid()
        self._requests = count()  # whose `next` is one step of the interpreter: threads may ask at once

    def _next_nonce(self) -> bytes:
        if self._process != os.getpid():  # forked: parent and child must not share a stream
            self._renew()
        return struct.pack("<Q", next(self._requests)).ljust(NONCE_BYTES, b"\0")


def _openssl(key: bytes, nonce: bytes, size: int) -> bytearray:
    """Return the first `size` bytes of a keystream; OpenSSL's 16-byte nonce begins with the block counter."""
    stream = bytearray(size)
    Cipher(ChaCha20(key, b"\0\0\0\0" + nonce), None).encryptor().update_into(bytes(size), stream)
    return stream
