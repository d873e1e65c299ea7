"""A small ring with keys and one ciphertext, made once."""

from dataclasses import dataclass

import numpy as np
import pytest

from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.keys import generate_galois_keys, generate_relin_keys, generate_secret_key
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from tests.ckks.plaintexts import expanded


@dataclass(frozen=True)
class SmallRing:
    """N = 4096 with two data primes, its keys, and the ciphertext of `values` at the top level, seeded and in full."""

    parameters: Parameters
    secret_key: SecretKey
    relin_keys: bytes
    elements: tuple[int, ...]
    galois_keys: bytes
    scale: float
    values: np.ndarray
    seeded: bytes
    ciphertext: bytes


@pytest.fixture(scope="session")
def small_ring() -> SmallRing:
    parameters, elements, scale = Parameters.from_bits(4096, (35, 35, 34)), (3, 4097), 2.0**25
    secret_key = generate_secret_key(parameters)
    values = np.random.default_rng(1).uniform(-1, 1, parameters.poly_modulus_degree)
    (block,) = encrypt_columns(parameters, secret_key, values[:, None], scale, n_labels=0)
    relin = generate_relin_keys(parameters, secret_key)
    galois = generate_galois_keys(parameters, secret_key, elements)
    full = expanded(parameters, block.data)
    return SmallRing(parameters, secret_key, relin, elements, galois, scale, values, block.data, full)
