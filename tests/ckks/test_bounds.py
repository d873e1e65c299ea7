"""Noise bounds against noise: SEAL's, measured exactly, and drawn in NumPy. Each must hold and not be absurdly loose.

The bounds fail with probability 2**-42 each; a failing test means a wrong bound.
"""

import numpy as np
import pytest

from secure_ds.ckks.bounds import ERROR_PROXY, NoiseModel
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.input_files import PUBLIC_KEY
from secure_ds.ckks.keying import Keying
from secure_ds.ckks.keys import generate_public_key, generate_secret_key
from secure_ds.ckks.profiles import FAST
from tests.ckks.circuits import encrypted, keyed
from tests.ckks.plaintexts import ciphertext_of, seal_decryption

PARAMETERS = FAST.parameters
DEGREE = PARAMETERS.poly_modulus_degree
NOISE = NoiseModel(PARAMETERS, n_columns=10, n_blocks=2)


def embeddings(polynomials: np.ndarray) -> np.ndarray:
    """Return the moduli of all embeddings of real polynomials (.., N)."""
    twist = np.exp(1j * np.pi * np.arange(DEGREE) / DEGREE)
    return np.abs(np.fft.fft(polynomials * twist))


def random_ciphertext(level: int) -> tuple[bytes, list[int]]:
    integers = np.random.default_rng(5).integers(-(2**40), 2**40, DEGREE).tolist()
    return ciphertext_of(PARAMETERS, keyed().secret_key, integers, level, 2.0**30), integers


def test_seal_s_encryption_error_is_what_the_bounds_assume() -> None:
    """Centred binomial of 2 x 21 bits: within +-21, variance 10.5 (deviation of its estimate 0.16; six allowed)."""
    ring = keyed()
    (data,) = encrypted(ring, np.zeros((1, 1))).values()
    errors = np.array(seal_decryption(PARAMETERS, ring.secret_key, data), dtype=np.float64)
    assert np.abs(errors).max() <= 21
    assert errors.var() == pytest.approx(ERROR_PROXY, abs=1.0)
    assert abs(errors.mean()) < 6 * np.sqrt(ERROR_PROXY / DEGREE)


def test_rounding_bound_holds_for_a_rescaling() -> None:
    ring = keyed()
    data, integers = random_ciphertext(level=1)
    rescaled = ring.engine.save(ring.engine.rescale(ring.engine.load(data), 1.0))
    exact = np.array(integers) / PARAMETERS.data_primes[1]
    error = np.linalg.norm(np.array(seal_decryption(PARAMETERS, ring.secret_key, rescaled)) - exact)
    assert 0.01 * NOISE.rounding < error < NOISE.rounding


def test_key_switching_bound_holds_for_an_automorphism() -> None:
    ring = keyed()
    data, integers = random_ciphertext(level=1)
    mapped = ring.engine.save(ring.engine.conjugate(ring.engine.load(data)))
    exact = np.array([integers[0], *(-value for value in integers[:0:-1])])
    error = np.linalg.norm(np.array(seal_decryption(PARAMETERS, ring.secret_key, mapped), dtype=np.float64) - exact)
    assert 0.001 * NOISE.key_switching(1) < error < NOISE.key_switching(1)


def test_embedding_bounds_hold_for_secrets_and_errors() -> None:
    rng = np.random.default_rng(1)
    secrets = embeddings(rng.integers(-1, 2, (50, DEGREE))).max()
    secret_bound = NOISE.rounding * 2 / np.sqrt(DEGREE) - 1
    assert 0.4 * secret_bound < secrets < secret_bound


@pytest.mark.parametrize(("n_columns", "n_blocks"), [(1, 2), (10, 2), (100, 2), (500, 1)])
def test_encryption_operator_bounds_the_largest_singular_value(n_columns: int, n_blocks: int) -> None:
    noise = NoiseModel(PARAMETERS, n_columns=n_columns, n_blocks=n_blocks)
    rng = np.random.default_rng(n_columns)
    shape = (n_blocks * DEGREE, n_columns)
    errors = rng.binomial(21, 0.5, shape) - rng.binomial(21, 0.5, shape)
    largest = noise.slot_factor * np.linalg.norm(errors, ord=2)
    assert 0.6 * noise.encryption_operator < largest < noise.encryption_operator


def test_public_key_encryption_operator_bounds_seals_noise() -> None:
    """Three columns of zeros under a public key, decrypted exactly; the noise is mostly the rounding by P."""
    secret, columns = generate_secret_key(PARAMETERS), 3
    public_key = generate_public_key(PARAMETERS, secret)
    files = [b.data for b in encrypt_columns(PARAMETERS, public_key, np.zeros((1, columns)), 2.0**32, n_labels=0)]
    errors = np.array([seal_decryption(PARAMETERS, secret, data) for data in files], dtype=np.float64).T
    noise = NoiseModel(PARAMETERS, n_columns=columns, n_blocks=1, keying=Keying(PUBLIC_KEY))
    largest = noise.slot_factor * np.linalg.norm(errors, ord=2)
    assert 0.3 * noise.encryption_operator < largest < noise.encryption_operator
    assert errors.var() == pytest.approx((1 + 2 * DEGREE / 3) / 12, rel=0.2)
    symmetric = NoiseModel(PARAMETERS, n_columns=columns, n_blocks=1).encryption_operator
    assert largest > 3 * symmetric


def test_encoding_operator_bounds_rounding_to_halves() -> None:
    halves = np.full((2 * DEGREE, 10), 0.5)
    largest = NOISE.slot_factor * np.linalg.norm(halves, ord=2)
    assert largest <= NOISE.encoding_operator(5000, 2.0**32) < 1.1 * largest
