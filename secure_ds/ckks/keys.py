"""Making CKKS keys in exact integer arithmetic, without SEAL: on the owner's machine and in the custodian.

Rules kept here:

1. Every random number is the operating system's (`randomness`): secrets uniform ternary, errors centred binomial,
   masks uniform. They are SEAL's distributions, so what `bounds` proves holds for keys of either make.
2. All keys but the secret one are public and written in full, unseeded, as SEAL's files. They are made for the chain of
   primes they are used on: keys for `parameters.tail` serve the same secret at a fraction of the size.
3. One mask and one error per digit, never used again: two keys with the same mask would show the difference of
   their secrets.

A key of key switching from a polynomial w to the secret s (SEAL's; Halevi, Polyakov, Shoup 2018 with one special prime
P): digit i is (-(a s + e) + P w g_i, a) modulo all primes, g_i = 1 modulo q_i and 0 modulo every other one. It turns a
ciphertext's part that belongs to w into one under s. w = s^2 relinearises, w = s(X^g) serves an automorphism, and
w = another secret of the same ring *rotates*: ciphertexts under that secret become ciphertexts under s.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.format import KEY_SCALE
from secure_ds.ckks.key_files import CONJUGATION, GALOIS_PRODUCTS, GALOIS_TAIL, RELIN, RELIN_TAIL
from secure_ds.ckks.ntt import PrimeField, Residues, transform
from secure_ds.ckks.packing import conjugation_element, galois_elements, group_elements
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.randomness import centred_binomial, ternary, uniform_residues
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.writing import ciphertext_file, keys_file

_Polynomial = Callable[[int], Residues]
"""A polynomial by its (N,) evaluations modulo any prime of the chain, in SEAL's order."""


def generate_secret_key(parameters: Parameters) -> SecretKey:
    """Return a fresh secret key for the ring of `parameters`."""
    return SecretKey(ternary(parameters.poly_modulus_degree))


def generate_public_key(parameters: Parameters, secret_key: SecretKey) -> bytes:
    """Return a public encryption key, SEAL's `PublicKey`: a fresh encryption of zero modulo all primes."""
    return ciphertext_file(_Target(parameters, secret_key).encryption_of_zero(), parameters.key_parms_id, KEY_SCALE)


def generate_relin_keys(parameters: Parameters, secret_key: SecretKey) -> bytes:
    """Return relinearisation keys (for the square of the secret) on the chain of `parameters`."""
    target = _Target(parameters, secret_key)
    return keys_file(parameters, [target.switching_key(lambda prime: _square(secret_key, prime))])


def generate_rotation_key(parameters: Parameters, old: SecretKey, new: SecretKey) -> bytes:
    """Return keys that turn ciphertexts under `old` into ciphertexts under `new`, on the chain of `parameters`.

    Written as SEAL's `RelinKeys`: relinearising (c0, 0, c1), (c0, c1) a ciphertext under `old`, gives one under `new`.
    Whoever holds `new` and this file can read everything under `old`.
    """
    return keys_file(parameters, [_Target(parameters, new).switching_key(old.evaluations)])


def generate_galois_keys(parameters: Parameters, secret_key: SecretKey, elements: Iterable[int]) -> bytes:
    """Return keys for the automorphisms X -> X^g, g in `elements` (odd, 3 to 2N - 1), on the chain of `parameters`."""
    target = _Target(parameters, secret_key)
    slots: list[list[Residues]] = [[] for _ in range(parameters.poly_modulus_degree)]
    for element in set(elements):
        with secret_key.automorphism(element) as turned:
            slots[(element - 1) // 2] = target.switching_key(turned.evaluations)
    return keys_file(parameters, slots)


def generate_key_files(parameters: Parameters, secret_key: SecretKey) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file) of every evaluation key a data set comes with, in the order of `key_files.KEY_NAMES`."""
    yield CONJUGATION, generate_galois_keys(parameters, secret_key, [conjugation_element(parameters)])
    yield GALOIS_PRODUCTS, generate_galois_keys(parameters.products, secret_key, group_elements())
    yield GALOIS_TAIL, generate_galois_keys(parameters.tail, secret_key, galois_elements(parameters))
    yield RELIN, generate_relin_keys(parameters, secret_key)
    yield RELIN_TAIL, generate_relin_keys(parameters.tail, secret_key)


class _Target:
    """A secret to encrypt under, ready for use modulo every prime of a chain, the special one included."""

    def __init__(self, parameters: Parameters, secret_key: SecretKey) -> None:
        self.parameters = parameters
        self._secrets = [PrimeField(prime).montgomery(secret_key.evaluations(prime)) for prime in parameters.primes]

    def encryption_of_zero(self) -> Residues:
        """Return (2, primes, N): -(a s + e) and a modulo every prime."""
        error = centred_binomial(self.parameters.poly_modulus_degree)
        places = zip(self.parameters.primes, self._secrets, strict=True)
        return np.stack([_masked_error(prime, secret, error) for prime, secret in places], axis=1)

    def switching_key(self, source: _Polynomial) -> list[Residues]:
        """Return one digit per data prime: encryptions of P times `source`, modulo that prime alone."""
        special, digits = self.parameters.special_prime, []
        for index, prime in enumerate(self.parameters.data_primes):
            field, words = PrimeField(prime), self.encryption_of_zero()
            lifted = field.multiply(source(prime), field.montgomery(special % prime))
            words[0, index] = field.add(words[0, index], lifted)
            digits.append(words)
        return digits


def _masked_error(prime: int, secret: Residues, error: npt.NDArray[np.int64]) -> Residues:
    """Return (2, N): -(a s + e) and a fresh uniform a, for a secret in Montgomery form."""
    field, mask = PrimeField(prime), uniform_residues(prime, secret.size)
    noise = transform(secret.size, prime).forward(field.reduce_signed(error))
    total = field.add(field.multiply(mask, secret), noise)
    return np.stack([field.subtract(np.zeros_like(total), total), mask])


def _square(secret_key: SecretKey, prime: int) -> Residues:
    field, values = PrimeField(prime), secret_key.evaluations(prime)
    return field.multiply(values, field.montgomery(values))
