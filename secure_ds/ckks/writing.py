"""SEAL's binary files, written from residues without SEAL: what `format` accepts, and nothing else.

The layout stands in `format`. Sizes are those of the arrays given; whoever writes a file knows what it holds.
"""

from collections.abc import Sequence

import numpy as np

from secure_ds.ckks.format import (
    COMPRESSION_NONE,
    COUNT,
    HEADER,
    KEY_SCALE,
    METADATA,
    NO_CORRECTION,
    PARMS_ID,
    SEAL_MAGIC,
    SEAL_VERSION,
    ParmsId,
)
from secure_ds.ckks.ntt import Residues
from secure_ds.ckks.parameters import Parameters


def ciphertext_file(words: Residues, parms_id: ParmsId, scale: float) -> bytes:
    """Return the file of a ciphertext.

    Args:
        words: (polynomials, primes, N) residues in SEAL's NTT order.
        parms_id: identifier of the level they belong to.
        scale: scale of the plaintext.
    """
    polynomials, primes, degree = words.shape
    metadata = METADATA.pack(1, polynomials, degree, primes, scale, NO_CORRECTION)
    array = framed(COUNT.pack(words.size) + np.ascontiguousarray(words, dtype="<u8").tobytes())
    return framed(PARMS_ID.pack(*parms_id) + metadata + array)


def keys_file(parameters: Parameters, slots: Sequence[Sequence[Residues]]) -> bytes:
    """Return the file of key-switching keys: per slot its digits, each (2, primes with the special one, N) residues."""
    body = [PARMS_ID.pack(*parameters.key_parms_id), COUNT.pack(len(slots))]
    for digits in slots:
        body.append(COUNT.pack(len(digits)))
        body.extend(ciphertext_file(words, parameters.key_parms_id, KEY_SCALE) for words in digits)
    return framed(b"".join(body))


def framed(body: bytes) -> bytes:
    """Return the body behind the header that SEAL's files and the arrays in them begin with."""
    return HEADER.pack(SEAL_MAGIC, HEADER.size, *SEAL_VERSION, COMPRESSION_NONE, 0, HEADER.size + len(body)) + body
