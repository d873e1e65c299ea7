"""Two independent ways around `decryption`: SEAL's own decryptor, and ciphertexts made from chosen integers."""

import struct
from collections.abc import Sequence

import numpy as np
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.memory_io import load, save
from secure_ds.ckks.ntt import PrimeField, transform
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.seal_keys import seal_secret_key
from secure_ds.ckks.secret_key import SecretKey


def expanded(parameters: Parameters, data: bytes) -> bytes:
    """Return a seeded ciphertext with its second polynomial written out, as SEAL expands it."""
    ciphertext = sealapi.Ciphertext()
    load(ciphertext, seal_context(parameters), data)
    return save(ciphertext)


def seal_decryption(parameters: Parameters, secret_key: SecretKey, data: bytes) -> list[int]:
    """Return the centred coefficients of what SEAL's decryptor makes of a ciphertext."""
    context = seal_context(parameters)
    ciphertext, plaintext = sealapi.Ciphertext(), sealapi.Plaintext()
    load(ciphertext, context, data)
    sealapi.Decryptor(context, seal_secret_key(parameters, secret_key)).decrypt(ciphertext, plaintext)
    primes = parameters.data_primes[: ciphertext.coeff_modulus_size()]
    rows = np.frombuffer(save(plaintext), dtype="<u8", offset=88).reshape(len(primes), -1)
    degree, modulus = parameters.poly_modulus_degree, int(np.prod([1, *primes], dtype=object))
    lifted = [0] * degree
    for row, prime in zip(rows, primes, strict=True):
        weight = modulus // prime * pow(modulus // prime, -1, prime)
        for index, value in enumerate(transform(degree, prime).inverse(row).tolist()):
            lifted[index] = (lifted[index] + value * weight) % modulus
    return [value - modulus if 2 * value > modulus else value for value in lifted]


def ciphertext_of(
    parameters: Parameters, secret_key: SecretKey, coefficients: Sequence[int], level: int, scale: float
) -> bytes:
    """Return a noiseless ciphertext (m - a * s, a) of exactly these integers modulo q."""
    rng = np.random.default_rng(3)
    rows = []
    for prime in parameters.data_primes[: level + 1]:
        field, change = PrimeField(prime), transform(parameters.poly_modulus_degree, prime)
        mask = rng.integers(0, prime, parameters.poly_modulus_degree, dtype=np.uint64)
        message = change.forward(np.array([value % prime for value in coefficients], dtype=np.uint64))
        masked = field.multiply(mask, field.montgomery(secret_key.evaluations(prime)))
        rows.append((field.subtract(message, masked), mask))
    words = np.concatenate([row[part] for part in (0, 1) for row in rows]).astype("<u8")
    degree, n_primes = parameters.poly_modulus_degree, level + 1
    body = struct.pack("<4QBQQQdQ", *parameters.parms_id(level), 1, 2, degree, n_primes, scale, 1)
    array = struct.pack("<Q", words.size) + words.tobytes()
    inner = _header(16 + len(array)) + array
    return _header(16 + len(body) + len(inner)) + body + inner


def _header(total: int) -> bytes:
    return bytes.fromhex("5ea1100403000000") + struct.pack("<Q", total)
