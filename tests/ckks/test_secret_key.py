"""The secret key's format, and that it does not leak."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.ckks.errors import DecryptionFailed
from secure_ds.ckks.secret_key import SecretKey

DEGREE = 4096


def key(seed=0):
    return SecretKey(np.random.default_rng(seed).integers(-1, 2, DEGREE).astype(np.int8))


@given(st.integers(0, 2**32))
def test_round_trip(seed):
    assert SecretKey.from_bytes(key(seed).to_bytes()).to_bytes() == key(seed).to_bytes()


def test_golden_bytes():
    coefficients = np.zeros(DEGREE, dtype=np.int8)
    coefficients[[0, 1, 2, 5]] = [1, -1, 1, -1]
    assert SecretKey(coefficients).to_bytes() == b"SDSK\x01\x0c\x19\x08" + bytes(DEGREE // 4 - 2)


@given(st.integers(0, 2**32), st.integers(1, DEGREE - 1), st.integers(1, DEGREE - 1))
def test_automorphisms_compose_and_permute_evaluations(seed, half, other):
    first, second = 2 * half + 1, 2 * other + 1
    turned = key(seed).automorphism(first).automorphism(second)
    assert turned.to_bytes() == key(seed).automorphism(first * second % (2 * DEGREE)).to_bytes()
    prime = 40961  # 1 modulo 2N
    assert sorted(turned.evaluations(prime).tolist()) == sorted(key(seed).evaluations(prime).tolist())


@given(st.binary(max_size=64))
def test_arbitrary_bytes_are_refused_alike(data):
    with pytest.raises(DecryptionFailed, match="could not be decrypted"):
        SecretKey.from_bytes(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d[:-1],
        lambda d: d + b"\0",
        lambda d: b"x" + d[1:],
        lambda d: d[:4] + b"\x02" + d[5:],
        lambda d: d[:5] + b"\x0d" + d[6:],
        lambda d: d[:5] + b"\x10" + d[6:],
        lambda d: d[:-1] + b"\x03",
        lambda d: d[:5],
        lambda d: b"",
    ],
)
def test_damaged_keys_are_refused(change):
    with pytest.raises(DecryptionFailed):
        SecretKey.from_bytes(change(key().to_bytes()))


def test_only_ternary_polynomials_are_keys():
    with pytest.raises(ValueError, match="-1, 0 and 1"):
        SecretKey(np.full(DEGREE, 2, dtype=np.int8))


def test_evaluations_are_those_of_the_coefficients():
    prime = 40961  # 1 modulo 2 * 4096
    secret = SecretKey(np.eye(1, DEGREE, dtype=np.int8)[0] * np.int8(-1))
    assert (secret.evaluations(prime) == prime - 1).all()


def test_it_shows_and_copies_nothing():
    secret = key()
    assert repr(secret) == str(secret) == "<SecretKey of degree 4096>"
    for escape in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            escape(secret)


def test_a_block_wipes_it():
    with key() as secret:
        assert secret.to_bytes().strip(b"\0") != SecretKey(np.zeros(DEGREE, dtype=np.int8)).to_bytes().strip(b"\0")
    assert secret.to_bytes() == SecretKey(np.zeros(DEGREE, dtype=np.int8)).to_bytes()
