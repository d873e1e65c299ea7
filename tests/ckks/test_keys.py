"""Keys are SEAL's own: what SEAL makes and what is rebuilt here agree, on the full chain and on the tail."""

import numpy as np
import pytest
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.format import check_galois_keys, check_relin_keys, residues
from secure_ds.ckks.keys import (
    generate_galois_keys,
    generate_relin_keys,
    generate_secret_key,
    seal_secret_key,
)
from secure_ds.ckks.memory_io import load, save
from secure_ds.ckks.ntt import transform
from secure_ds.ckks.parameters import Parameters
from tests.ckks.plaintexts import seal_decryption

THREE_PRIMES = Parameters.from_bits(4096, (28, 24, 24, 29))


def test_secret_keys_are_ternary_balanced_and_fresh():
    """Uniform over three values: 4 standard errors of 1/3 at N = 4096, false alarm below 1 in 5,000."""
    first, second = (generate_secret_key(THREE_PRIMES) for _ in range(2))
    assert first.to_bytes() != second.to_bytes()
    codes = np.frombuffer(first.to_bytes()[6:], dtype=np.uint8)[:, None] >> np.array([0, 2, 4, 6]) & 3
    shares = np.bincount(codes.ravel(), minlength=4) / 4096
    assert shares[3] == 0
    assert np.abs(shares[:3] - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 4096)


@pytest.mark.parametrize("parameters", [THREE_PRIMES, THREE_PRIMES.tail], ids=["full", "tail"])
def test_evaluation_keys_fit_their_chain(parameters):
    secret_key = generate_secret_key(THREE_PRIMES)
    check_relin_keys(generate_relin_keys(parameters, secret_key), parameters)
    check_galois_keys(generate_galois_keys(parameters, secret_key, [5, 3, 3]), parameters, [3, 5])


def test_tail_keys_act_on_ciphertexts_of_the_full_chain():
    """Levels 0 and 1 are the same in both chains: an automorphism with a tail key decrypts under the same secret."""
    parameters, secret_key = THREE_PRIMES, generate_secret_key(THREE_PRIMES)
    (block,) = encrypt_columns(parameters, secret_key, np.full((4, 1), 0.5), 2.0**26, 0)
    top, switched, turned = sealapi.Ciphertext(), sealapi.Ciphertext(), sealapi.Ciphertext()
    load(top, seal_context(parameters), block.data)
    sealapi.Evaluator(seal_context(parameters)).mod_switch_to(top, list(parameters.parms_id(1)), switched)
    on_tail, keys = sealapi.Ciphertext(), sealapi.GaloisKeys()
    load(on_tail, seal_context(parameters.tail), save(switched))
    load(keys, seal_context(parameters.tail), generate_galois_keys(parameters.tail, secret_key, [3]))
    sealapi.Evaluator(seal_context(parameters.tail)).apply_galois(on_tail, 3, keys, turned)
    before, after = (seal_decryption(parameters, secret_key, save(each)) for each in (switched, turned))
    expected = [0] * 4096
    for k, value in enumerate(before):
        place = 3 * k % 8192
        expected[place % 4096] = value if place < 4096 else -value
    assert max(abs(a - b) for a, b in zip(after, expected, strict=True)) < 2**14  # key-switching noise; scale is 2**26


def test_the_rebuilt_seal_key_is_seals_own():
    context = seal_context(THREE_PRIMES)
    original = sealapi.KeyGenerator(context).secret_key()
    words = np.frombuffer(save(original), dtype="<u8", offset=88).reshape(4, 4096)
    secret = transform(4096, THREE_PRIMES.primes[0]).inverse(words[0])
    assert set(secret.tolist()) <= {0, 1, THREE_PRIMES.primes[0] - 1}
    rebuilt = seal_secret_key(THREE_PRIMES, generate_secret_key(THREE_PRIMES))
    assert save(rebuilt)[:88] == save(original)[:88]


def test_residues_reads_the_file_in_place(small_ring):
    words = residues(small_ring.ciphertext, small_ring.parameters, 1)
    assert words.shape == (2, 2, 4096)
    assert words[1, 1, -1] == int.from_bytes(small_ring.ciphertext[-8:], "little")
