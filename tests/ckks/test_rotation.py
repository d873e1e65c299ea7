"""A rotated ciphertext is one of the new key: same plaintext but for one key switching, same bytes each time."""

import numpy as np
import pytest

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.format import check_ciphertext
from secure_ds.ckks.keys import generate_rotation_key, generate_secret_key
from secure_ds.ckks.profiles import FAST
from secure_ds.ckks.rotation import Rotation
from tests.ckks.plaintexts import ciphertext_of, seal_decryption

PARAMETERS = FAST.parameters
OLD, NEW = (generate_secret_key(PARAMETERS) for _ in range(2))
KEY = generate_rotation_key(PARAMETERS.tail, OLD, NEW)
NOISE = NoiseModel(PARAMETERS, n_columns=1, n_blocks=1)
SCALE = 2.0**30


def message():
    return np.random.default_rng(6).integers(-(2**30), 2**30, PARAMETERS.poly_modulus_degree).tolist()


def distance(data, secret_key):
    found = np.array(seal_decryption(PARAMETERS, secret_key, data), dtype=float)
    return np.linalg.norm(found - np.array(message(), dtype=float))


@pytest.mark.parametrize("level", [0, 1])
def test_the_new_key_reads_what_the_old_one_read(level):
    rotated = Rotation(PARAMETERS, KEY).apply(ciphertext_of(PARAMETERS, OLD, message(), level, SCALE))
    check_ciphertext(rotated, PARAMETERS, level, SCALE)
    assert 0.001 * NOISE.key_switching(level) < distance(rotated, NEW) < NOISE.key_switching(level)
    assert distance(rotated, OLD) > 2**30  # noise modulo q: the old key reads nothing of it


def test_rotation_is_deterministic_and_bound_to_its_key():
    original = ciphertext_of(PARAMETERS, OLD, message(), 1, SCALE)
    first, second = (Rotation(PARAMETERS, KEY).apply(original) for _ in range(2))
    other = Rotation(PARAMETERS, generate_rotation_key(PARAMETERS.tail, OLD, NEW))
    assert first == second
    assert other.apply(original) != first


def test_rotations_follow_each_other():
    newest = generate_secret_key(PARAMETERS)
    second = Rotation(PARAMETERS, generate_rotation_key(PARAMETERS.tail, NEW, newest))
    data = ciphertext_of(PARAMETERS, OLD, message(), 1, SCALE)
    for rotation in (Rotation(PARAMETERS, KEY), second):
        data = rotation.apply(data)
    assert distance(data, newest) < 2 * NOISE.key_switching(1)
