"""Moving ciphertexts from one secret key to another with a public key of key switching.

Rules kept here:

1. The result is a function of ciphertext and rotation key alone, byte for byte.
2. Levels 0 and 1 only: the rotation key is made for the short chain (`Parameters.tail`).
3. The plaintext gains one key switching, `NoiseModel.key_switching(level)`, and nothing else.
"""

import numpy as np
from tenseal import sealapi

from secure_ds.ckks import memory_io
from secure_ds.ckks.context import seal_context
from secure_ds.ckks.format import place_of, residues
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.writing import ciphertext_file


class Rotation:
    """Key switching from an old secret to a new one."""

    def __init__(self, parameters: Parameters, key: bytes) -> None:
        """Load a rotation key that has passed `key_files.check_key_file`."""
        self._parameters = parameters
        self._context = seal_context(parameters.tail)
        self._evaluator = sealapi.Evaluator(self._context)
        self._key = sealapi.RelinKeys()
        memory_io.load(self._key, self._context, key)

    def apply(self, ciphertext: bytes) -> bytes:
        """Return the same plaintext under the new secret, at the same level (0 or 1) and scale.

        The ciphertext is one that this process computed, or that passed its check. SEAL relinearises (c0, 0, c1): it
        replaces the last polynomial, which belongs to the old secret as the key sees it, by two of the new one.
        """
        level, scale = place_of(ciphertext)
        first, second = residues(ciphertext, self._parameters, level)
        words = np.stack([first, np.zeros_like(first), second])
        three, result = sealapi.Ciphertext(), sealapi.Ciphertext()
        memory_io.load(three, self._context, ciphertext_file(words, self._parameters.parms_id(level), scale))
        self._evaluator.relinearize(three, self._key, result)
        return memory_io.save(result)
