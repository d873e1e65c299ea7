"""Exact arithmetic modulo SEAL's primes, and the transform between coefficients and SEAL's evaluation order.

Rules kept here:

1. Integers only. Every result is exact; there is no rounding that a secret could leak through.
2. Pure NumPy: neither the process that checks uploads nor the one that decrypts needs a native homomorphic library.
3. The order is SEAL's: entry i of a transformed polynomial f of degree < N is f(psi^(2 * bitrev(i) + 1)), psi the
   *smallest* primitive 2N-th root of unity modulo the prime.

Arrays are `uint64`, canonical (each entry below its prime). Multiplication is Montgomery's with radix 2^64
(P. Montgomery, Modular multiplication without trial division, 1985); the butterflies are those of P. Longa and
M. Naehrig, Speeding up the number theoretic transform, 2016.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

Residues = npt.NDArray[np.uint64]

_RADIX: Final = 1 << 64
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)


class PrimeField:
    """Vector arithmetic modulo an odd prime below 2^62."""

    def __init__(self, prime: int) -> None:
        """Prepare the constants of reduction modulo `prime`.

        Raises:
            ValueError: the modulus is even or not below 2^62.
        """
        if prime % 2 == 0 or not 2 < prime < 1 << 62:
            raise ValueError(f"modulus must be odd and below 2**62, not {prime}")
        self.prime = prime
        self._modulus = np.uint64(prime)
        self._inverse = np.uint64(pow(prime, -1, _RADIX))

    def montgomery(self, values: npt.ArrayLike) -> Residues:
        """Return canonical `values` times 2^64: the form the second factor of `multiply` takes."""
        square = np.uint64(_RADIX * _RADIX % self.prime)
        return self.multiply(np.asarray(values, dtype=np.uint64), square)

    def multiply(self, a: Residues, b_montgomery: Residues | np.uint64) -> Residues:
        """Return a * b for canonical `a` and b in Montgomery form; shapes broadcast."""
        with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
            quotient = a * b_montgomery * self._inverse
            high, excess = _high_word(a, b_montgomery), _high_word(quotient, self._modulus)
            return np.where(high < excess, high - excess + self._modulus, high - excess)

    def add(self, a: Residues, b: Residues) -> Residues:
        """Return a + b."""
        total = a + b
        return np.where(total >= self._modulus, total - self._modulus, total)

    def subtract(self, a: Residues, b: Residues) -> Residues:
        """Return a - b."""
        return np.where(a >= b, a - b, a + (self._modulus - b))

    def reduce_signed(self, values: npt.NDArray[np.int64]) -> Residues:
        """Return signed integers as canonical residues; |value| must be below the prime."""
        return np.where(values < 0, values + np.int64(self.prime), values).astype(np.uint64)


class Transform:
    """The negacyclic number-theoretic transform of one ring Z_p[X]/(X^n + 1)."""

    def __init__(self, field: PrimeField, size: int, root: int) -> None:
        """Tabulate the powers of `root`, a primitive 2n-th root of unity modulo the field's prime."""
        self._field, self._size = field, size
        powers = _powers(root, size, field.prime)
        inverse_powers = _powers(pow(root, -1, field.prime), size, field.prime)
        order = bit_reversal(size)
        self._forward = field.montgomery(powers[order])
        self._backward = field.montgomery(inverse_powers[order])
        self._shrink = field.montgomery(pow(size, -1, field.prime))

    def forward(self, coefficients: Residues) -> Residues:
        """Return the evaluations, in SEAL's order, of the polynomial with these (n,) coefficients."""
        field, values, groups = self._field, coefficients, 1
        while groups < self._size:
            pairs = values.reshape(groups, 2, -1)
            left, right = pairs[:, 0], field.multiply(pairs[:, 1], self._forward[groups : 2 * groups, None])
            values = np.stack([field.add(left, right), field.subtract(left, right)], axis=1)
            groups *= 2
        return values.reshape(self._size)

    def inverse(self, evaluations: Residues) -> Residues:
        """Return the (n,) coefficients of the polynomial with these evaluations in SEAL's order."""
        field, values, groups = self._field, evaluations, self._size // 2
        while groups >= 1:
            pairs = values.reshape(groups, 2, -1)
            left, right = pairs[:, 0], pairs[:, 1]
            turned = field.multiply(field.subtract(left, right), self._backward[groups : 2 * groups, None])
            values = np.stack([field.add(left, right), turned], axis=1)
            groups //= 2
        return field.multiply(values.reshape(self._size), self._shrink)


@lru_cache(maxsize=64)
def transform(degree: int, prime: int) -> Transform:
    """Return SEAL's transform for polynomials of `degree` coefficients modulo `prime`."""
    return Transform(PrimeField(prime), degree, smallest_root(degree, prime))


@lru_cache(maxsize=64)
def _sub_ring_transform(degree: int, prime: int, count: int) -> Transform:
    return Transform(PrimeField(prime), count, pow(smallest_root(degree, prime), degree // count, prime))


def sub_ring_coefficients(evaluations: Residues, prime: int, count: int) -> Residues:
    """Return the coefficients at positions 0, N/K, 2N/K, ... only, K = `count` a power of two.

    The sum of the evaluations over the exponents that agree modulo 2K is N/K times an evaluation of the polynomial's
    part in X^(N/K): all other coefficients cancel exactly and are never computed. In SEAL's order those exponents are
    neighbours.

    Args:
        evaluations: (N,) in SEAL's order.
        prime: the modulus.
        count: K, a power of two, at most N.
    """
    degree, field = evaluations.size, PrimeField(prime)
    if count & (count - 1) or not 1 <= count <= degree:
        raise ValueError(f"count must be a power of two from 1 to {degree}, not {count}")
    groups = evaluations.reshape(count, -1)
    while groups.shape[1] > 1:
        half = groups.shape[1] // 2
        groups = field.add(groups[:, :half], groups[:, half:])
    mean = field.multiply(groups[:, 0], field.montgomery(pow(degree // count, -1, prime)))
    return _sub_ring_transform(degree, prime, count).inverse(mean)


@lru_cache(maxsize=64)
def smallest_root(degree: int, prime: int) -> int:
    """Return the smallest primitive 2N-th root of unity modulo `prime`, N = `degree` a power of two.

    Raises:
        ValueError: 2N does not divide prime - 1.
    """
    if (prime - 1) % (2 * degree):
        raise ValueError(f"{prime} is not 1 modulo {2 * degree}")
    root = _any_root(degree, prime)
    square, smallest = root * root % prime, root
    for _ in range(degree - 1):
        root = root * square % prime
        smallest = min(smallest, root)
    return smallest


def bit_reversal(size: int) -> npt.NDArray[np.intp]:
    """Return the (size,) permutation that reverses the bits of an index; `size` is a power of two."""
    order = np.zeros(1, dtype=np.intp)
    while order.size < size:
        order = np.concatenate([2 * order, 2 * order + 1])
    return order


def _any_root(degree: int, prime: int) -> int:
    candidates = (pow(base, (prime - 1) // (2 * degree), prime) for base in range(2, prime))
    return next(root for root in candidates if pow(root, degree, prime) == prime - 1)


def _powers(base: int, count: int, prime: int) -> Residues:
    powers = np.empty(count, dtype=np.uint64)
    power = 1
    for index in range(count):
        powers[index] = power
        power = power * base % prime
    return powers


def _high_word(a: Residues | np.uint64, b: Residues | np.uint64) -> Residues:
    """Return the upper 64 bits of the 128-bit products, from four 32-bit products each."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_high * b_low + (a_low * b_low >> _HALF)
    lower = a_low * b_high + (middle & _LOW)
    high: Residues = a_high * b_high + (middle >> _HALF) + (lower >> _HALF)
    return high
