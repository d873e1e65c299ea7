"""Homomorphic arithmetic for one data set: SEAL with its contexts and evaluation keys.

Rules kept here:
  1. Operations return new ciphertexts, apart from `accumulate`; operands are never changed.
  2. The caller states the scale of a result wherever SEAL's own bookkeeping would round: scales come from the plan.
  3. Key switching at levels 0 and 1 uses the tail's keys; automorphisms at level 2 those of products; everything else
     the whole chain's (`key_files`).
  4. Evaluation is deterministic: equal inputs give equal bytes. SEAL holds the interpreter lock throughout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from tenseal import sealapi

from secure_ds.ckks import memory_io
from secure_ds.ckks.context import seal_context
from secure_ds.ckks.key_files import CONJUGATION, GALOIS_PRODUCTS, GALOIS_TAIL, KEY_NAMES, RELIN, RELIN_TAIL
from secure_ds.ckks.packing import conjugation_element
from secure_ds.ckks.parameters import Parameters

Ciphertext: TypeAlias = Any  # sealapi.Ciphertext; the binding has no type information
_TAIL_LEVEL = 1


class Engine:
    """Arithmetic on ciphertexts of one key.

    All byte strings must have passed the checks of `secure_ds.ckks.format`: SEAL does not survive hostile ones.
    """

    def __init__(self, parameters: Parameters, keys: Mapping[str, bytes], names: Iterable[str] = KEY_NAMES) -> None:
        """Load contexts and keys; takes a few hundred milliseconds.

        Args:
            parameters: the CKKS parameters.
            keys: the evaluation keys, each file under its name.
            names: those to load, of `key_files.KEY_NAMES`, for a circuit that needs no others; without `relin_tail`,
                `relin` serves the last levels as well.

        Raises:
            KeyError: a key that is to be loaded is not there.
        """
        self.parameters = parameters
        self._context = seal_context(parameters)
        self._tail_context = seal_context(parameters.tail)
        self._evaluator = sealapi.Evaluator(self._context)
        self._tail_evaluator = sealapi.Evaluator(self._tail_context)
        products_context = seal_context(parameters.products)
        self._products_evaluator = sealapi.Evaluator(products_context)
        self._encoder = sealapi.CKKSEncoder(self._context)
        files = {name: keys[name] for name in names}
        self._relin = self._load_keys(sealapi.RelinKeys(), self._context, files.get(RELIN))
        self._tail_relin = self._load_keys(sealapi.RelinKeys(), self._tail_context, files.get(RELIN_TAIL))
        self._conjugation = self._load_keys(sealapi.GaloisKeys(), self._context, files.get(CONJUGATION))
        self._products_galois = self._load_keys(sealapi.GaloisKeys(), products_context, files.get(GALOIS_PRODUCTS))
        self._tail_galois = self._load_keys(sealapi.GaloisKeys(), self._tail_context, files.get(GALOIS_TAIL))
        self._monomial = lru_cache(maxsize=None)(self._encode_monomial)

    @property
    def degree(self) -> int:
        """N, as `packing.Ring` wants it."""
        return self.parameters.poly_modulus_degree

    def load(self, data: bytes | memoryview) -> Ciphertext:
        """Read a checked ciphertext."""
        ciphertext = sealapi.Ciphertext()
        memory_io.load(ciphertext, self._context, data)
        return ciphertext

    def save(self, ciphertext: Ciphertext) -> bytes:
        """Write a ciphertext as an uncompressed SEAL file."""
        return memory_io.save(ciphertext)

    def hand_out(self, ciphertext: Ciphertext) -> memory_io.MemoryFile:
        """Write a ciphertext for another process of this evaluation."""
        return memory_io.to_file(ciphertext)

    def take_in(self, file: memory_io.MemoryFile) -> Ciphertext:
        """Read what another process of this evaluation has handed out."""
        ciphertext = sealapi.Ciphertext()
        memory_io.from_file(ciphertext, self._context, file)
        return ciphertext

    def level(self, ciphertext: Ciphertext) -> int:
        """Return the level of a ciphertext."""
        return int(ciphertext.coeff_modulus_size()) - 1

    def add(self, left: Ciphertext, right: Ciphertext) -> Ciphertext:
        """Return left + right; scales must agree."""
        result = sealapi.Ciphertext()
        self._evaluator.add(left, right, result)
        return result

    def subtract(self, left: Ciphertext, right: Ciphertext) -> Ciphertext:
        """Return left - right; scales must agree."""
        result = sealapi.Ciphertext()
        self._evaluator.sub(left, right, result)
        return result

    def negate(self, value: Ciphertext) -> Ciphertext:
        """Return -value."""
        result = sealapi.Ciphertext()
        self._evaluator.negate(value, result)
        return result

    def accumulate(self, total: Ciphertext | None, term: Ciphertext) -> Ciphertext:
        """Add `term` into `total` in place and return it; starts with the term itself."""
        if total is None:
            return term
        self._evaluator.add_inplace(total, term)
        return total

    def add_constant(self, value: Ciphertext, integer: float) -> Ciphertext:
        """Return value with an integer (a whole double) added to its integers in every slot."""
        plain = self._encode_integer(integer, self.level(value))
        plain.scale = value.scale
        result = sealapi.Ciphertext()
        self._evaluator.add_plain(value, plain, result)
        return result

    def multiply_integer(self, value: Ciphertext, integer: float, scale: float) -> Ciphertext:
        """Return value times a non-zero whole double, read at `scale`. Exact; uses no level."""
        result = sealapi.Ciphertext()
        self._evaluator.multiply_plain(value, self._encode_integer(integer, self.level(value)), result)
        result.scale = scale
        return result

    def multiply(self, left: Ciphertext, right: Ciphertext, scale: float) -> Ciphertext:
        """Return the product, three polynomials, read at `scale`."""
        result = sealapi.Ciphertext()
        self._evaluator.multiply(left, right, result)
        result.scale = scale
        return result

    def square(self, value: Ciphertext, scale: float) -> Ciphertext:
        """Return the square, three polynomials, read at `scale`."""
        result = sealapi.Ciphertext()
        self._evaluator.square(value, result)
        result.scale = scale
        return result

    def relinearise(self, value: Ciphertext) -> Ciphertext:
        """Bring a product back to two polynomials."""
        result = sealapi.Ciphertext()
        if self.level(value) <= _TAIL_LEVEL and self._tail_relin is not None:
            self._tail_evaluator.relinearize(value, self._tail_relin, result)
        else:
            self._evaluator.relinearize(value, self._relin, result)
        return result

    def rescale(self, value: Ciphertext, scale: float) -> Ciphertext:
        """Divide by the last prime and drop it; the result is read at `scale`."""
        result = sealapi.Ciphertext()
        self._evaluator.rescale_to_next(value, result)
        result.scale = scale
        return result

    def drop_to(self, value: Ciphertext, level: int) -> Ciphertext:
        """Return the same values modulo fewer primes. Exact."""
        result = sealapi.Ciphertext()
        self._evaluator.mod_switch_to(value, list(self.parameters.parms_id(level)), result)
        return result

    def shift(self, value: Ciphertext, exponent: int) -> Ciphertext:
        """Return X**exponent * value. Exact; 0 <= exponent < N."""
        result = sealapi.Ciphertext()
        self._evaluator.multiply_plain(value, self._monomial(exponent, self.level(value)), result)
        return result

    def automorphism(self, value: Ciphertext, element: int) -> Ciphertext:
        """Replace X by X**element; among `galois_elements` at levels 0 and 1, among `group_elements` at level 2."""
        result = sealapi.Ciphertext()
        if self.level(value) <= _TAIL_LEVEL:
            self._tail_evaluator.apply_galois(value, element, self._tail_galois, result)
        else:
            self._products_evaluator.apply_galois(value, element, self._products_galois, result)
        return result

    def conjugate(self, value: Ciphertext) -> Ciphertext:
        """Return the complex conjugate of every slot, at any level."""
        element = conjugation_element(self.parameters)
        if self.level(value) <= _TAIL_LEVEL:
            return self.automorphism(value, element)
        result = sealapi.Ciphertext()
        self._evaluator.apply_galois(value, element, self._conjugation, result)
        return result

    def times_unit(self, value: Ciphertext) -> Ciphertext:
        """Return J * value, J = X^(N/2) of `secure_ds.ckks.slots`. Exact."""
        return self.shift(value, self.degree // 2)

    def _encode_integer(self, integer: float, level: int) -> Any:
        plain = sealapi.Plaintext()
        self._encoder.encode(float(integer), list(self.parameters.parms_id(level)), 1.0, plain)
        return plain

    def _encode_monomial(self, exponent: int, level: int) -> Any:
        """Encode X**exponent by its slots, which the encoder's rounding turns into exactly that polynomial."""
        slots = self.parameters.slots
        powers = np.array([pow(3, slot, 4 * slots) for slot in range(slots)], dtype=np.int64)
        values = np.exp(1j * np.pi * (powers * exponent % (4 * slots)) / self.degree)
        plain = sealapi.Plaintext()
        self._encoder.encode(values.tolist(), list(self.parameters.parms_id(level)), 1.0, plain)
        return plain

    @staticmethod
    def _load_keys(keys: Any, context: Any, data: bytes | None) -> Any:
        if data is None:
            return None
        memory_io.load(keys, context, data)
        return keys
