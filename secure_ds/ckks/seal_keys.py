"""Keys as SEAL's objects, for the owner's encryptor."""

import struct
from typing import Final

import numpy as np
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.format import COUNT
from secure_ds.ckks.memory_io import load
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.writing import framed

_PLAINTEXT_METADATA: Final = struct.Struct("<4QQd")  # parms_id, coefficients, scale


def seal_secret_key(parameters: Parameters, secret_key: SecretKey) -> sealapi.SecretKey:
    """Return the secret key as a SEAL object on the chain of `parameters`."""
    words = np.stack([secret_key.evaluations(prime) for prime in parameters.primes]).astype("<u8")
    metadata = _PLAINTEXT_METADATA.pack(*parameters.key_parms_id, words.size, 1.0)
    key = sealapi.SecretKey()
    load(key, seal_context(parameters), framed(metadata + framed(COUNT.pack(words.size) + words.tobytes())))
    return key


def seal_public_key(parameters: Parameters, data: bytes | memoryview) -> sealapi.PublicKey:
    """Return a public encryption key as a SEAL object; `data` has passed `format.check_public_key`."""
    key = sealapi.PublicKey()
    load(key, seal_context(parameters), data)
    return key
