"""Making CKKS keys, on the owner's machine.

Rules kept here:

1. The secret key comes from SEAL's generator (ternary, uniform) and leaves as `SecretKey`.
2. Evaluation keys are public, uncompressed and unseeded (SEAL's one-argument calls would seed them). They are made for
   the chain of primes they are used on: keys for `parameters.tail` serve the same secret at a fraction of the size.
3. There is no public encryption key: the owner encrypts with the secret one, which leaves less noise.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.format import COMPRESSION_NONE, HEADER, SEAL_MAGIC, SEAL_VERSION
from secure_ds.ckks.key_files import CONJUGATION, GALOIS_TAIL, RELIN, RELIN_TAIL
from secure_ds.ckks.memory_io import load, save
from secure_ds.ckks.ntt import transform
from secure_ds.ckks.packing import conjugation_element, galois_elements
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey

_PLAINTEXT_METADATA: Final = struct.Struct("<4QQd")  # parms_id, coefficients, scale
_COUNT: Final = struct.Struct("<Q")
_RESIDUES_OFFSET: Final = 2 * HEADER.size + _PLAINTEXT_METADATA.size + _COUNT.size


def generate_secret_key(parameters: Parameters) -> SecretKey:
    """Return a fresh secret key for the ring of `parameters`."""
    saved = save(sealapi.KeyGenerator(seal_context(parameters)).secret_key())
    prime = parameters.primes[0]
    evaluations = np.frombuffer(saved, dtype="<u8", offset=_RESIDUES_OFFSET, count=parameters.poly_modulus_degree)
    coefficients = transform(parameters.poly_modulus_degree, prime).inverse(evaluations)
    return SecretKey(np.where(coefficients == prime - 1, -1, coefficients.astype(np.int64)).astype(np.int8))


def generate_relin_keys(parameters: Parameters, secret_key: SecretKey) -> bytes:
    """Return relinearisation keys (for the square of the secret) on the chain of `parameters`."""
    keys = sealapi.RelinKeys()
    _generator(parameters, secret_key).create_relin_keys(keys)
    return save(keys)


def generate_galois_keys(parameters: Parameters, secret_key: SecretKey, elements: Iterable[int]) -> bytes:
    """Return keys for the automorphisms X -> X^g, g in `elements` (odd, 3 to 2N - 1), on the chain of `parameters`."""
    keys = sealapi.GaloisKeys()
    _generator(parameters, secret_key).create_galois_keys(sorted(set(elements)), keys)
    return save(keys)


def generate_key_files(parameters: Parameters, secret_key: SecretKey) -> Iterator[tuple[str, bytes]]:
    """Yield (name, file) of every evaluation key a data set comes with, in the order of `key_files.KEY_NAMES`."""
    yield CONJUGATION, generate_galois_keys(parameters, secret_key, [conjugation_element(parameters)])
    yield GALOIS_TAIL, generate_galois_keys(parameters.tail, secret_key, galois_elements(parameters))
    yield RELIN, generate_relin_keys(parameters, secret_key)
    yield RELIN_TAIL, generate_relin_keys(parameters.tail, secret_key)


def seal_secret_key(parameters: Parameters, secret_key: SecretKey) -> sealapi.SecretKey:
    """Return the secret key as a SEAL object on the chain of `parameters`."""
    words = np.stack([secret_key.evaluations(prime) for prime in parameters.primes]).astype("<u8")
    metadata = _PLAINTEXT_METADATA.pack(*parameters.key_parms_id, words.size, 1.0)
    array = _header(HEADER.size + _COUNT.size + words.nbytes) + _COUNT.pack(words.size) + words.tobytes()
    key = sealapi.SecretKey()
    load(key, seal_context(parameters), _header(HEADER.size + len(metadata) + len(array)) + metadata + array)
    return key


def _generator(parameters: Parameters, secret_key: SecretKey) -> sealapi.KeyGenerator:
    return sealapi.KeyGenerator(seal_context(parameters), seal_secret_key(parameters, secret_key))


def _header(total: int) -> bytes:
    return HEADER.pack(SEAL_MAGIC, HEADER.size, *SEAL_VERSION, COMPRESSION_NONE, 0, total)
