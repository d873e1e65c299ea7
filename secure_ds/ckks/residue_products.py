"""Integer matrices times ciphertexts, as exact matrix products on residues in double precision.

A whole-number combination of ciphertexts is the same combination of their residues, modulo each prime. SEAL takes one
multiplication and one encoding per weight; BLAS takes all of them at once.

Rules kept here:
  1. Exact. Residues x < p < 2**60 are cut into limbs of L bits with 2**L * sum |w| <= 2**53 for every row, so that each
     limb's sum is a whole number that a double holds, in whatever order BLAS adds.
  2. A total T = sum_j S_j 2**(L j) is reduced by an estimated quotient q = floor(T/p) in doubles: |T/p| <= sum |w| is
     below 2**45, so the estimate is off by one at most, and T - q p, computed modulo 2**64, is the exact value in
     (-p, 2p).
  3. Deterministic: exact results do not depend on threads or machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.linear_map import LinearMap
from secure_ds.ckks.ntt import Residues

Reals = npt.NDArray[np.float64]
_MANTISSA_BITS = 53
_LEAST_LIMB_BITS = 8


def combine_residues(inputs: Sequence[Residues], linear: LinearMap, primes: Sequence[int]) -> Residues:
    """Return the combinations of ciphertexts.

    Args:
        inputs: residues of each input, shape (size, primes, N), canonical.
        linear: the weights as whole numbers.
        primes: the modulus of each row.

    Returns:
        Canonical residues of shape (outputs, size, primes, N).

    Raises:
        EvaluationRefused: the weights of a row add up to too much to be exact in doubles.
    """
    size, _, degree = inputs[0].shape
    result = np.empty((linear.n_outputs, size, len(primes), degree), dtype=np.uint64)
    bits = _limb_bits(linear)
    for polynomial in range(size):
        for row, prime in enumerate(primes):
            stacked = np.stack([entry[polynomial, row] for entry in inputs])
            limbs = _limbs(stacked, prime, bits)
            for index, read, write in linear.places():
                result[write, polynomial, row] = _product(linear.integers[index], limbs, read, prime, bits)
    return result


def _limb_bits(linear: LinearMap) -> int:
    largest = max(float(np.abs(weights).sum(axis=1).max()) for weights in linear.integers)
    bits = _MANTISSA_BITS - math.ceil(math.log2(largest + 1))
    if bits < _LEAST_LIMB_BITS:
        raise EvaluationRefused(
            f"weights of a row add up to {largest:.3g}; 2**{_MANTISSA_BITS - _LEAST_LIMB_BITS} at most"
        )
    return bits


def _limbs(values: Residues, prime: int, bits: int) -> list[Reals]:
    """Cut residues into limbs of `bits` bits, lowest first."""
    count = -(-prime.bit_length() // bits)
    mask = np.uint64((1 << bits) - 1)
    return [(values >> np.uint64(bits * limb) & mask).astype(np.float64) for limb in range(count)]


def _product(weights: Reals, limbs: list[Reals], read: npt.NDArray[np.intp], prime: int, bits: int) -> Residues:
    sums = [weights @ (limb if _is_all(read, limb) else limb[read]) for limb in limbs]
    quotient, total = np.zeros_like(sums[0]), np.zeros(sums[0].shape, dtype=np.int64)
    for limb, part in enumerate(sums):
        quotient += part * (2.0 ** (bits * limb) / prime)
        total += part.astype(np.int64) << np.int64(bits * limb)  # modulo 2**64, as is meant
    remainder = total - np.floor(quotient).astype(np.int64) * np.int64(prime)
    remainder += np.where(remainder < 0, np.int64(prime), np.int64(0))
    remainder -= np.where(remainder >= prime, np.int64(prime), np.int64(0))
    return remainder.astype(np.uint64)


def _is_all(read: npt.NDArray[np.intp], limb: Reals) -> bool:
    return read.size == limb.shape[0] and bool((np.diff(read) == 1).all())
