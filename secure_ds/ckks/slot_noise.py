"""Proven bounds on CKKS noise in single slots: for circuits whose every slot is read by the owner of its record.

`bounds` bounds l2 norms over a whole data set; here the bound is on the largest |a(zeta)| over the N embeddings, the
canonical norm |a|_can, which is submultiplicative: |a b|_can <= |a|_can |b|_can. Facts and failure probabilities are
those of `bounds`: three events (secret, noise of keys, noise of encryption) of 2**-FAILURE_BITS each.

A polynomial with coefficients of at most c has canonical norm at most c N. So, whatever the values are:
  - encoding leaves half a unit per coefficient, N/2, and the transform's rounding, relative to the largest value;
  - rescaling leaves (r_0 + r_1 s)/q with |r| <= q/2 per coefficient: N/2 (1 + |s|_can);
  - key switching leaves sum_i d_i e_i / P with digits below q_i, N |e|_can (q_0 + ... + q_l) / P, and one rescaling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from secure_ds.ckks.bounds import ERROR_PROXY, FFT_RELATIVE_ERROR, SECRET_PROXY, embedding_bound
from secure_ds.ckks.parameters import Parameters


@dataclass(frozen=True)
class SlotNoise:
    """Bounds for one ring, in units of slots times scale.

    Attributes:
        parameters: the CKKS parameters.
        n_ciphertexts: fresh ciphertexts of one request, together.
    """

    parameters: Parameters
    n_ciphertexts: int

    @property
    def _degree(self) -> int:
        return self.parameters.poly_modulus_degree

    @cached_property
    def rounding(self) -> float:
        """Bound the error of one rescaling."""
        return self._degree / 2 * (1 + embedding_bound(self._degree, SECRET_PROXY, count=1))

    def key_switching(self, level: int) -> float:
        """Bound the error of one relinearisation at `level`."""
        digits = sum(self.parameters.data_primes[: level + 1]) / self.parameters.special_prime
        return self._key_noise * self._degree * digits + self.rounding

    def fresh(self, largest: float, scale: float) -> float:
        """Bound the error of encoding values of at most `largest` at `scale`, and of encrypting them."""
        transform = FFT_RELATIVE_ERROR * math.log2(self._degree) * math.sqrt(self._degree) * largest * scale
        encryption = embedding_bound(self._degree, ERROR_PROXY, count=self.n_ciphertexts)
        return self._degree / 2 + transform + encryption

    def decoding(self, largest: float) -> float:
        """Bound the error of turning decrypted coefficients into slots in doubles, for slots of at most `largest`."""
        return FFT_RELATIVE_ERROR * (math.log2(self._degree) + 4) * math.sqrt(self._degree) * largest

    @cached_property
    def _key_noise(self) -> float:
        return embedding_bound(self._degree, ERROR_PROXY, count=len(self.parameters.data_primes))
