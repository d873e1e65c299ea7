"""Encrypting columns of numbers, on the owner's machine.

Rules kept here:

1. Feature-major: one ciphertext holds one column for up to N records, two per slot (`secure_ds.ckks.slots`); label
   columns, the last ones, are conjugated; places without a record hold zero.
2. Every ciphertext has fresh randomness, and is at the top level and at exactly the scale given.
3. Whoever has the secret key encrypts with it: less noise, and a seed in place of the second polynomial. Who shares a
   key with other owners encrypts with the public one (`secure_ds.ckks.input_files` lists both kinds of file).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.memory_io import save
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.seal_keys import seal_public_key, seal_secret_key
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
    parameters: Parameters, key: SecretKey | bytes, columns: npt.NDArray[np.float64], scale: float, n_labels: int
) -> Iterator[EncryptedBlock]:
    """Encrypt (n, m) numbers, one ciphertext per column and block, in order of column, then block.

    Args:
        parameters: the ring and its primes.
        key: the owner's secret key, or a public encryption key that has passed `format.check_public_key`.
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
    encrypt = encryptor(parameters, key)
    n_columns, capacity = columns.shape[1], parameters.poly_modulus_degree
    for column in range(n_columns):
        for block in range(n_blocks(parameters, columns.shape[0])):
            records = columns[block * capacity : (block + 1) * capacity, column]
            values = join(records, parameters.slots, conjugated=column >= n_columns - n_labels)
            yield EncryptedBlock(column, block, encrypt(encoded(encoder, values.tolist(), scale)))


def encoded(encoder: sealapi.CKKSEncoder, values: list[complex], scale: float) -> sealapi.Plaintext:
    """Return slots as a plaintext."""
    plaintext = sealapi.Plaintext()
    encoder.encode(values, scale, plaintext)
    return plaintext


def encryptor(parameters: Parameters, key: SecretKey | bytes) -> Callable[[sealapi.Plaintext], bytes]:
    """Return what turns a plaintext into a file: seeded under a secret key, in full under a public one."""
    context = seal_context(parameters)
    if isinstance(key, SecretKey):
        symmetric = sealapi.Encryptor(context, seal_secret_key(parameters, key))
        return lambda plaintext: save(symmetric.encrypt_symmetric(plaintext))
    return partial(_encrypt_public, sealapi.Encryptor(context, seal_public_key(parameters, key)))


def _encrypt_public(encryptor: sealapi.Encryptor, plaintext: sealapi.Plaintext) -> bytes:
    ciphertext = sealapi.Ciphertext()
    encryptor.encrypt(plaintext, ciphertext)
    return save(ciphertext)
