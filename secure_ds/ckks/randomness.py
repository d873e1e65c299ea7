"""Random polynomials for CKKS keys, from the operating system's cryptographic generator alone.

Rules kept here:

1. Every distribution is exact: uniform values by rejection, never by a remainder; errors by counting bits.
2. No seed exists, so none can be stored, logged or guessed.
3. The distributions are those of SEAL's default build, which `bounds` speaks about.
"""

import os

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.ntt import Residues

_ERROR_BITS = 21
_ERROR_MASK = np.uint64((1 << _ERROR_BITS) - 1)
_SECOND_HALF = np.uint64(_ERROR_BITS)


def uniform_residues(prime: int, count: int) -> Residues:
    """Return (count,) independent integers uniform in [0, prime), prime below 2^64."""
    mask = np.uint64((1 << prime.bit_length()) - 1)
    found = np.empty(0, dtype=np.uint64)
    while found.size < count:  # a draw is kept with probability above 1/2
        drawn = _random_words(count) & mask
        found = np.concatenate([found, drawn[drawn < np.uint64(prime)]])
    return found[:count]


def ternary(count: int) -> npt.NDArray[np.int8]:
    """Return (count,) independent integers uniform in {-1, 0, 1}."""
    found = np.empty(0, dtype=np.uint8)
    while found.size < count:
        drawn = np.frombuffer(os.urandom(2 * count), dtype=np.uint8) & 3
        found = np.concatenate([found, drawn[drawn < 3]])
    return found[:count].astype(np.int8) - np.int8(1)


def centred_binomial(count: int) -> npt.NDArray[np.int64]:
    """Return (count,) independent differences of two sums of 21 random bits: variance 10.5, as SEAL draws errors."""
    words = _random_words(count)
    halves = np.stack([words & _ERROR_MASK, words >> _SECOND_HALF & _ERROR_MASK])
    ones = np.bitwise_count(halves).astype(np.int64)
    difference: npt.NDArray[np.int64] = ones[0] - ones[1]
    return difference


def _random_words(count: int) -> Residues:
    return np.frombuffer(os.urandom(8 * count), dtype=np.uint64)
