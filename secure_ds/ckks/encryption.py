"""Encrypting columns of numbers, on the owner's machine.

Rules kept here:

1. Feature-major: one ciphertext holds one column for up to N records, two per slot (`secure_ds.ckks.slots`); label
   columns, the last ones, are conjugated; places without a record hold zero.
2. Symmetric encryption with a fresh random second polynomial per ciphertext, at the top level and at exactly the scale
   given. The file holds both polynomials in full: a seeded one could not be checked before it is expanded.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.keys import seal_secret_key
from secure_ds.ckks.memory_io import save
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.slots import join


class EncryptedBlock(NamedTuple):
    """One ciphertext file: `column` for the records from `block * N` on."""

    column: int
    block: int
    data: bytes


def n_blocks(parameters: Parameters, n_records: int) -> int:
    """Return how many ciphertexts a column of `n_records` takes."""
    return -(-n_records // parameters.poly_modulus_degree)


def encrypt_columns(
    parameters: Parameters, secret_key: SecretKey, columns: npt.NDArray[np.float64], scale: float, n_labels: int
) -> Iterator[EncryptedBlock]:
    """Encrypt (n, m) numbers, one ciphertext per column and block, in order of column, then block.

    Args:
        parameters: the ring and its primes.
        secret_key: the owner's.
        columns: shape (n, m); the last `n_labels` columns are labels and are stored conjugated.
        scale: scale of every ciphertext.
        n_labels: number of label columns.

    Raises:
        EvaluationRefused: a number is not finite or does not fit below the modulus at this scale.
    """
    largest = float(np.abs(columns).max(initial=0.0))
    if not largest * scale < parameters.modulus(parameters.top_level) / 4:
        raise EvaluationRefused("a value is not finite, or too large for the modulus at this scale")
    context = seal_context(parameters)
    encoder = sealapi.CKKSEncoder(context)
    encryptor = sealapi.Encryptor(context, seal_secret_key(parameters, secret_key))
    n_columns, capacity = columns.shape[1], parameters.poly_modulus_degree
    for column in range(n_columns):
        for block in range(n_blocks(parameters, columns.shape[0])):
            records = columns[block * capacity : (block + 1) * capacity, column]
            values = join(records, parameters.slots, conjugated=column >= n_columns - n_labels)
            yield EncryptedBlock(column, block, _encrypt(encoder, encryptor, values.tolist(), scale))


def _encrypt(encoder: sealapi.CKKSEncoder, encryptor: sealapi.Encryptor, values: list[complex], scale: float) -> bytes:
    plaintext, ciphertext = sealapi.Plaintext(), sealapi.Ciphertext()
    encoder.encode(values, scale, plaintext)
    encryptor.encrypt_symmetric(plaintext, ciphertext)  # the two-argument form expands the seed
    return save(ciphertext)
