"""Keys made without SEAL are SEAL's: it reads and writes them unchanged, and they work as its own do.

SEAL's generator is the oracle throughout; the other oracle is the equation that every digit of a key must satisfy.
"""

import numpy as np
import pytest
from tenseal import sealapi

from secure_ds.ckks.bounds import NoiseModel
from secure_ds.ckks.context import seal_context
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.format import check_galois_keys, check_public_key, check_relin_keys, residues
from secure_ds.ckks.keys import (
    generate_galois_keys,
    generate_public_key,
    generate_relin_keys,
    generate_rotation_key,
    generate_secret_key,
)
from secure_ds.ckks.memory_io import load, save
from secure_ds.ckks.ntt import PrimeField, transform
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.seal_keys import seal_public_key, seal_secret_key
from tests.ckks.plaintexts import ciphertext_of, seal_decryption

DEGREE = 4096
THREE_PRIMES = Parameters.from_bits(DEGREE, (28, 24, 24, 29))
SECRET = generate_secret_key(THREE_PRIMES)
DIGIT_BYTES = 113 + 2 * 4 * DEGREE * 8
KINDS = {
    "relin": (sealapi.RelinKeys, lambda: generate_relin_keys(THREE_PRIMES, SECRET)),
    "galois": (sealapi.GaloisKeys, lambda: generate_galois_keys(THREE_PRIMES, SECRET, [3, 2 * DEGREE - 1])),
    "rotation": (
        sealapi.RelinKeys,
        lambda: generate_rotation_key(THREE_PRIMES, SECRET, generate_secret_key(THREE_PRIMES)),
    ),
    "public": (sealapi.PublicKey, lambda: generate_public_key(THREE_PRIMES, SECRET)),
}


def key_switching_error(kind, file, seals_own=False):
    """Return the l2 norm of the error of one key switching at level 2 with the keys of `file`, or of SEAL's making."""
    context = seal_context(THREE_PRIMES)
    keys = sealapi.RelinKeys() if kind == "relin" else sealapi.GaloisKeys()
    if seals_own:
        generator = sealapi.KeyGenerator(context, seal_secret_key(THREE_PRIMES, SECRET))
        generator.create_relin_keys(keys) if kind == "relin" else generator.create_galois_keys([3], keys)
    else:
        load(keys, context, file)
    message = np.random.default_rng(4).integers(-(2**20), 2**20, DEGREE).tolist()
    value, result = sealapi.Ciphertext(), sealapi.Ciphertext()
    load(value, context, ciphertext_of(THREE_PRIMES, SECRET, message, 2, 1.0))
    evaluator = sealapi.Evaluator(context)
    if kind == "relin":
        evaluator.square_inplace(value)
        exact = np.array(seal_decryption(THREE_PRIMES, SECRET, save(value)), dtype=object)
        evaluator.relinearize(value, keys, result)
    else:
        exact = automorphism(message, 3)
        evaluator.apply_galois(value, 3, keys, result)
    error = np.array(seal_decryption(THREE_PRIMES, SECRET, save(result)), dtype=object) - exact
    return float(np.linalg.norm(error.astype(float)))


def automorphism(message, element):
    expected = np.zeros(DEGREE, dtype=object)
    for k, value in enumerate(message):
        place = element * k % (2 * DEGREE)
        expected[place % DEGREE] = value if place < DEGREE else -value
    return expected


def test_secret_keys_are_ternary_balanced_and_fresh():
    """Uniform over three values: 4 standard errors of 1/3 at N = 4096, false alarm below 1 in 5,000."""
    first, second = (generate_secret_key(THREE_PRIMES) for _ in range(2))
    assert first.to_bytes() != second.to_bytes()
    codes = np.frombuffer(first.to_bytes()[6:], dtype=np.uint8)[:, None] >> np.array([0, 2, 4, 6]) & 3
    shares = np.bincount(codes.ravel(), minlength=4) / DEGREE
    assert shares[3] == 0
    assert np.abs(shares[:3] - 1 / 3).max() < 4 * np.sqrt(2 / 9 / DEGREE)


@pytest.mark.parametrize("kind", KINDS)
def test_seal_reads_every_key_and_writes_the_same_bytes(kind):
    make_object, make_file = KINDS[kind]
    keys, file = make_object(), make_file()
    load(keys, seal_context(THREE_PRIMES), file)
    assert save(keys) == file


@pytest.mark.parametrize("parameters", [THREE_PRIMES, THREE_PRIMES.tail], ids=["full", "tail"])
def test_keys_fit_their_chain_and_pass_the_checks(parameters):
    check_relin_keys(generate_relin_keys(parameters, SECRET), parameters)
    check_relin_keys(generate_rotation_key(parameters, SECRET, SECRET), parameters)
    check_galois_keys(generate_galois_keys(parameters, SECRET, [5, 3, 3]), parameters, [3, 5])
    check_public_key(generate_public_key(parameters, SECRET), parameters)


def test_every_digit_is_an_encryption_of_the_old_secret_with_a_fresh_mask():
    """Digit i holds P s_old modulo prime i and nothing modulo the others, up to one small error for all primes."""
    new = generate_secret_key(THREE_PRIMES)
    file = generate_rotation_key(THREE_PRIMES, SECRET, new)
    masks = set()
    for digit in range(3):
        start = 16 + 32 + 8 + 8 + digit * DIGIT_BYTES
        words = np.frombuffer(file[start + 113 : start + DIGIT_BYTES], dtype="<u8").reshape(2, 4, DEGREE)
        errors = [signed_error(words, index, digit, new) for index in range(4)]
        assert all((error == errors[0]).all() for error in errors)
        assert np.abs(errors[0]).max() <= 21
        assert 8 < errors[0].var() < 13  # 10.5, ten standard errors of 0.23
        masks.add(words[1].tobytes())
    assert len(masks) == 3


def signed_error(words, index, digit, new):
    prime = THREE_PRIMES.primes[index]
    field, held = PrimeField(prime), SECRET.evaluations(prime)
    total = field.add(words[0, index], field.multiply(words[1, index], field.montgomery(new.evaluations(prime))))
    if index == digit:
        total = field.subtract(total, field.multiply(held, field.montgomery(THREE_PRIMES.special_prime % prime)))
    error = transform(DEGREE, prime).inverse(total).astype(np.int64)
    return np.where(error > prime // 2, error - prime, error)


@pytest.mark.parametrize("kind", ["relin", "galois"])
def test_key_switching_is_as_exact_as_with_seals_own_keys(kind):
    """A norm is much like that of a random walk (digits are positive): it varies by a factor of three or so."""
    ours = key_switching_error(kind, KINDS[kind][1]())
    theirs = key_switching_error(kind, b"", seals_own=True)
    assert 0.1 < ours / theirs < 10
    assert ours < NoiseModel(THREE_PRIMES, n_columns=1, n_blocks=1).key_switching(2)


def test_a_public_key_encrypts_for_the_secret_one():
    context, values = seal_context(THREE_PRIMES), np.linspace(-1, 1, DEGREE // 2)
    plain, cipher = sealapi.Plaintext(), sealapi.Ciphertext()
    sealapi.CKKSEncoder(context).encode(values.tolist(), 2.0**26, plain)
    key = seal_public_key(THREE_PRIMES, generate_public_key(THREE_PRIMES, SECRET))
    sealapi.Encryptor(context, key).encrypt(plain, cipher)
    other = generate_secret_key(THREE_PRIMES)
    decrypted = {name: sealapi.Plaintext() for name in ("right", "wrong")}
    for name, secret in (("right", SECRET), ("wrong", other)):
        sealapi.Decryptor(context, seal_secret_key(THREE_PRIMES, secret)).decrypt(cipher, decrypted[name])
    decoded = {name: np.array(sealapi.CKKSEncoder(context).decode_double(p)) for name, p in decrypted.items()}
    assert np.abs(decoded["right"] - values).max() < 1e-3
    assert np.abs(decoded["wrong"] - values).max() > 1


def test_tail_keys_act_on_ciphertexts_of_the_full_chain():
    """Levels 0 and 1 are the same in both chains: an automorphism with a tail key decrypts under the same secret."""
    parameters = THREE_PRIMES
    (block,) = encrypt_columns(parameters, SECRET, np.full((4, 1), 0.5), 2.0**26, n_labels=0)
    top, switched, turned = sealapi.Ciphertext(), sealapi.Ciphertext(), sealapi.Ciphertext()
    load(top, seal_context(parameters), block.data)
    sealapi.Evaluator(seal_context(parameters)).mod_switch_to(top, list(parameters.parms_id(1)), switched)
    on_tail, keys = sealapi.Ciphertext(), sealapi.GaloisKeys()
    load(on_tail, seal_context(parameters.tail), save(switched))
    load(keys, seal_context(parameters.tail), generate_galois_keys(parameters.tail, SECRET, [3]))
    sealapi.Evaluator(seal_context(parameters.tail)).apply_galois(on_tail, 3, keys, turned)
    before, after = (seal_decryption(parameters, SECRET, save(each)) for each in (switched, turned))
    expected = automorphism(before, 3)
    assert max(abs(a - b) for a, b in zip(after, expected, strict=True)) < 2**14  # key-switching noise; scale is 2**26


def test_a_secret_key_made_by_seal_is_rebuilt_as_it_was():
    context = seal_context(THREE_PRIMES)
    original = sealapi.KeyGenerator(context).secret_key()
    words = np.frombuffer(save(original), dtype="<u8", offset=88).reshape(4, DEGREE)
    secret = transform(DEGREE, THREE_PRIMES.primes[0]).inverse(words[0])
    assert set(secret.tolist()) <= {0, 1, THREE_PRIMES.primes[0] - 1}
    assert save(seal_secret_key(THREE_PRIMES, SECRET))[:88] == save(original)[:88]


def test_residues_reads_the_file_in_place(small_ring):
    words = residues(small_ring.ciphertext, small_ring.parameters, 1)
    assert words.shape == (2, 2, DEGREE)
    assert words[1, 1, -1] == int.from_bytes(small_ring.ciphertext[-8:], "little")
