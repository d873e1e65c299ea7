"""Decryption, in the custodian only.

Rules kept here:

1. What is decrypted is checked first; every failure afterwards is the same `DecryptionFailed`.
2. A release is exact integer arithmetic: for the requested coefficients, m = c0 + c1 * s modulo q, *plus the integer
   noise modulo q*, and only then centred to (-q/2, q/2]. A sum that wraps around therefore wraps with its noise in it:
   what is read is a function of the noisy residue alone. Where a plan proves that numbers are whole multiples of a unit
   within less than half of it, they are rounded to it *before* the noise, which is then added modulo what the unit
   leaves of q (`decrypt_rounded`): then no error of the scheme is left in what is read.
3. Only coefficients at multiples of N/K are computed, K the least power of two that covers the requested ones (see
   `ntt.sub_ring_coefficients`); those among them that were not requested get no noise, and are dropped at once.
4. No native library: a hostile ciphertext meets NumPy arithmetic on arrays of known size, never C++ parsing.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import DecryptionFailed, MalformedCiphertext
from secure_ds.ckks.format import check_ciphertext, residues
from secure_ds.ckks.ntt import PrimeField, Residues, sub_ring_coefficients
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.slots import evaluated


def decrypt_released(
    parameters: Parameters,
    secret_key: SecretKey,
    ciphertext: bytes | memoryview,
    *,
    level: int,
    scale: float,
    positions: Sequence[int],
    noise: Sequence[int],
) -> list[int]:
    """Return chosen plaintext coefficients with integer noise added modulo q before centring.

    Formal guarantee: entry i is centre((m[positions[i]] + noise[i]) mod q) for the exact decryption m, q the modulus at
    `level`; no other coefficient of m influences the result. So for noise independent of m the release is a function
    of m[positions] + noise, also when that exceeds q/2.

    Args:
        parameters: the ring and its primes.
        secret_key: the secret; wiped by the caller.
        ciphertext: a SEAL file of two polynomials.
        level: the level the ciphertext must be at.
        scale: the scale it must state.
        positions: distinct coefficient positions, 0 to N - 1.
        noise: one integer per position, in units of the plaintext's coefficients, any size.

    Returns:
        Integers in (-q/2, q/2], one per position, in units of 1/scale.

    Raises:
        DecryptionFailed: the ciphertext is malformed or of another place, or the key of another ring.
        ValueError: positions and noise do not match each other or the ring: a mistake of the caller.
    """
    modulus = parameters.modulus(level)
    residues_read = _coefficients(parameters, secret_key, ciphertext, level, scale, positions, noise)
    return [_centred((value + extra) % modulus, modulus) for value, extra in zip(residues_read, noise, strict=True)]


def decrypt_rounded(
    parameters: Parameters,
    secret_key: SecretKey,
    ciphertext: bytes | memoryview,
    *,
    level: int,
    scale: float,
    positions: Sequence[int],
    unit: Fraction,
    steps: int,
    noise: Sequence[int],
) -> list[int]:
    """Return chosen plaintext coefficients rounded to whole units, with finer noise added modulo the units in q.

    Formal guarantee: with h_i the nearest whole number to centre(m[positions[i]]) / unit and H the least whole number
    such that |h_i| <= H always, entry i is centre((h_i * steps + noise[i]) mod (2 H + 1) * steps): a function of h_i
    and noise. Where m = unit * t + e with whole t, |t| <= H, and |e| < unit / 2, h_i = t whatever e is. Where
    somebody's foreign ciphertext was added to m, so that this does not hold, replacing t by t' (real numbers, then) and
    e by e' still moves h_i by t' - t but for less than 4 (`statistics_plan.ROUNDING_SLACK`), modulo 2 H + 1: the two
    roundings are off by at most 1/2 each, e and e' by less than 1/2 each, and a wrap-around of m by at most 2, since q
    / unit and 2 H + 1 differ by no more.

    Args:
        parameters: the ring and its primes.
        secret_key: the secret; wiped by the caller.
        ciphertext: a SEAL file of two polynomials.
        level: the level the ciphertext must be at.
        scale: the scale it must state.
        positions: distinct coefficient positions, 0 to N - 1.
        unit: integers of the plaintext in one unit, exact; at least 1.
        steps: steps of the noise in one unit.
        noise: one integer per position, in such steps, any size.

    Returns:
        Integers, one per position, in steps.

    Raises:
        DecryptionFailed, ValueError: as `decrypt_released`.
    """
    residues_read = _coefficients(parameters, secret_key, ciphertext, level, scale, positions, noise)
    modulus = parameters.modulus(level)
    period = (2 * _nearest(modulus // 2, unit) + 1) * steps
    return [
        _centred((_nearest(_centred(value, modulus), unit) * steps + extra) % period, period)
        for value, extra in zip(residues_read, noise, strict=True)
    ]


def decrypt_slots(
    parameters: Parameters, secret_key: SecretKey, ciphertext: bytes | memoryview, *, level: int, scale: float
) -> npt.NDArray[np.complex128]:
    """Return the (N/2,) complex slots, *without noise*: for checks whose outcome alone leaves the custodian.

    Any complex number may be found there, and stands for two real ones (`secure_ds.ckks.slots`).

    Raises:
        DecryptionFailed: the ciphertext is malformed or of another place, or the key of another ring.
    """
    evaluations = _decrypt(parameters, secret_key, ciphertext, level, scale)
    primes, degree = parameters.data_primes[: level + 1], parameters.poly_modulus_degree
    rows = [sub_ring_coefficients(row, prime, degree) for row, prime in zip(evaluations, primes, strict=True)]
    modulus = parameters.modulus(level)
    columns = zip(*(row.tolist() for row in rows), strict=True)
    coefficients = [_centred(_recombined(values, primes), modulus) / scale for values in columns]
    return evaluated(np.array(coefficients, dtype=np.float64))


def _decrypt(
    parameters: Parameters, secret_key: SecretKey, ciphertext: bytes | memoryview, level: int, scale: float
) -> list[Residues]:
    """Return the evaluations of c0 + c1 * s, one (N,) row per prime of the level."""
    try:
        check_ciphertext(ciphertext, parameters, level, scale)
    except MalformedCiphertext:
        raise DecryptionFailed from None
    if secret_key.degree != parameters.poly_modulus_degree:
        raise DecryptionFailed
    first, second = residues(ciphertext, parameters, level)
    rows = []
    for index, prime in enumerate(parameters.data_primes[: level + 1]):
        field = PrimeField(prime)
        masked = field.multiply(second[index], field.montgomery(secret_key.evaluations(prime)))
        rows.append(field.add(first[index], masked))
    return rows


def _coefficients(
    parameters: Parameters,
    secret_key: SecretKey,
    ciphertext: bytes | memoryview,
    level: int,
    scale: float,
    positions: Sequence[int],
    noise: Sequence[int],
) -> list[int]:
    """Return chosen coefficients of the exact decryption, in [0, q)."""
    _check_positions(parameters, positions, noise)
    evaluations = _decrypt(parameters, secret_key, ciphertext, level, scale)
    primes = parameters.data_primes[: level + 1]
    count = _sub_ring_size(parameters.poly_modulus_degree, positions)
    rows = [sub_ring_coefficients(row, prime, count) for row, prime in zip(evaluations, primes, strict=True)]
    stride = parameters.poly_modulus_degree // count
    return [_recombined([int(row[position // stride]) for row in rows], primes) for position in positions]


def _nearest(value: int, unit: Fraction) -> int:
    """Return the whole number nearest to value / unit; halves go up."""
    return (2 * value * unit.denominator + unit.numerator) // (2 * unit.numerator)


def _check_positions(parameters: Parameters, positions: Sequence[int], noise: Sequence[int]) -> None:
    if len(noise) != len(positions) or len(set(positions)) != len(positions):
        raise ValueError("there must be one noise value for each of the distinct positions")
    if any(not 0 <= position < parameters.poly_modulus_degree for position in positions):
        raise ValueError(f"positions must be 0 to {parameters.poly_modulus_degree - 1}")


def _sub_ring_size(degree: int, positions: Sequence[int]) -> int:
    """Return the smallest K such that every position is a multiple of N/K."""
    return degree // math.gcd(degree, *positions)


@lru_cache(maxsize=16)
def _mixed_radix(primes: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Return, per prime: itself, the product of those before it, and the inverse of that product modulo it."""
    radices = [math.prod(primes[:index]) for index in range(len(primes))]
    return tuple((prime, radix, pow(radix, -1, prime)) for prime, radix in zip(primes, radices, strict=True))


def _recombined(values: Sequence[int], primes: tuple[int, ...]) -> int:
    """Return the integer below the product of `primes` with these residues (Garner 1959)."""
    total = 0
    for value, (prime, radix, inverse) in zip(values, _mixed_radix(primes), strict=True):
        total += radix * ((value - total) * inverse % prime)
    return total


def _centred(residue: int, modulus: int) -> int:
    return residue - modulus if residue > modulus // 2 else residue
