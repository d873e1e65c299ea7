"""CKKS parameters in pure Python: the same primes and identifiers as SEAL, without SEAL.

Rules kept here:
  1. A `Parameters` value is legal: its primes are distinct, NTT-friendly and at most 60 bits.
  2. It is secure: log2 of the whole modulus (special prime included) stays `SECURITY_MARGIN_BITS` under the bound of
     the Homomorphic Encryption Standard (Albrecht et al. 2018, table 1: 128-bit classical, ternary secret).
  3. Equal parameters have equal digests, and levels have the identifiers SEAL writes into its files (`parms_id`).

Vocabulary: the last prime is the *special* prime, used only for key switching; the others are *data* primes q_0..q_L.
A ciphertext at *level* l uses q_0..q_l; a fresh one is at level L = `top_level`, and rescaling drops the last prime.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass
from functools import cached_property

from secure_ds.ckks.errors import InsecureParameters, InvalidParameters
from secure_ds.core.digest import digest_json

SCHEME_CKKS = 2  # seal::scheme_type::ckks
MAX_PRIME_BITS = 60  # SEAL's limit for a coefficient prime
MIN_PRIME_BITS = 18  # below this no useful scale fits
SECURITY_MARGIN_BITS = 4
HE_STANDARD_2018_BITS = {4096: 109, 8192: 218, 16384: 438, 32768: 881}
"""Largest log2(qP) for 128-bit security with ternary secrets and sigma = 3.2, by polynomial degree."""

_WITNESSES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)  # deterministic below 3.3e24 (Sorenson and Webster 2015)


def is_prime(candidate: int) -> bool:
    """Say whether `candidate` (below 2**64) is prime: Miller-Rabin, deterministic in this range."""
    if candidate < 2:
        return False
    for witness in _WITNESSES:
        if candidate % witness == 0:
            return candidate == witness
    return all(_passes_miller_rabin(candidate, witness) for witness in _WITNESSES)


def _passes_miller_rabin(candidate: int, witness: int) -> bool:
    twos = ((candidate - 1) & -(candidate - 1)).bit_length() - 1
    power = pow(witness, (candidate - 1) >> twos, candidate)
    if power in (1, candidate - 1):
        return True
    for _ in range(twos - 1):
        power = power * power % candidate
        if power == candidate - 1:
            return True
    return False


def _largest_primes(degree: int, bits: int, count: int) -> list[int]:
    """Return the `count` largest primes = 1 mod 2*degree of exactly `bits` bits, largest first."""
    step = 2 * degree
    found: list[int] = []
    candidate = ((1 << bits) - 1) // step * step + 1
    while len(found) < count:
        if candidate.bit_length() < bits:
            raise InvalidParameters(f"there are only {len(found)} primes of {bits} bits = 1 mod {step}, {count} needed")
        if candidate.bit_length() == bits and is_prime(candidate):
            found.append(candidate)
        candidate -= step
    return found


def create_primes(degree: int, bits: tuple[int, ...]) -> tuple[int, ...]:
    """Choose primes of the given sizes exactly as SEAL's ``CoeffModulus::Create`` does.

    Args:
        degree: polynomial modulus degree N.
        bits: size of each prime in bits, special prime last.

    Returns:
        The primes in the order of `bits`; among equal sizes the smallest comes first.

    Raises:
        InvalidParameters: a size is out of range or has too few primes.
    """
    if any(not MIN_PRIME_BITS <= size <= MAX_PRIME_BITS for size in bits):
        raise InvalidParameters(f"prime sizes must be {MIN_PRIME_BITS} to {MAX_PRIME_BITS} bits, got {list(bits)}")
    supply = {size: _largest_primes(degree, size, bits.count(size)) for size in set(bits)}
    return tuple(supply[size].pop() for size in bits)


@dataclass(frozen=True)
class Parameters:
    """A legal, 128-bit secure CKKS parameter set.

    Attributes:
        poly_modulus_degree: N, a power of two named in the standard's table.
        primes: q_0 .. q_L followed by the special prime.
    """

    poly_modulus_degree: int
    primes: tuple[int, ...]

    def __post_init__(self) -> None:
        self._check_degree()
        self._check_primes()
        self._check_security()

    @classmethod
    def from_bits(cls, poly_modulus_degree: int, coeff_modulus_bits: tuple[int, ...]) -> Parameters:
        """Make parameters from prime sizes, special prime last; SEAL would choose the same primes."""
        if poly_modulus_degree not in HE_STANDARD_2018_BITS:
            raise InvalidParameters(_degree_message(poly_modulus_degree))
        return cls(poly_modulus_degree, create_primes(poly_modulus_degree, tuple(coeff_modulus_bits)))

    @property
    def coeff_modulus_bits(self) -> tuple[int, ...]:
        """Size of each prime in bits, special prime last."""
        return tuple(prime.bit_length() for prime in self.primes)

    @property
    def data_primes(self) -> tuple[int, ...]:
        """The primes of a fresh ciphertext, q_0 first."""
        return self.primes[:-1]

    @property
    def special_prime(self) -> int:
        """The prime used only inside key switching."""
        return self.primes[-1]

    @property
    def top_level(self) -> int:
        """Level of a fresh ciphertext: one less than the number of its primes."""
        return len(self.primes) - 2

    @property
    def slots(self) -> int:
        """Values per ciphertext, N/2."""
        return self.poly_modulus_degree // 2

    @property
    def total_bits(self) -> float:
        """log2 of the whole modulus qP, the figure the security table bounds."""
        return math.log2(math.prod(self.primes))

    def modulus(self, level: int) -> int:
        """Return q_0 * ... * q_level."""
        return math.prod(self.data_primes[: level + 1])

    def parms_id(self, level: int) -> tuple[int, int, int, int]:
        """Return SEAL's identifier of a data level: BLAKE2b-256 over scheme, N, primes and plain modulus 0.

        Raises:
            InvalidParameters: there is no such level.
        """
        if not 0 <= level <= self.top_level:
            raise InvalidParameters(f"level must be 0 to {self.top_level}, got {level}")
        return self._parms_id(self.primes[: level + 1])

    @cached_property
    def key_parms_id(self) -> tuple[int, int, int, int]:
        """SEAL's identifier of the key level, the one whose primes include the special prime."""
        return self._parms_id(self.primes)

    @cached_property
    def digest(self) -> str:
        """``sha256:<hex>`` of the canonical JSON of `to_json`."""
        return digest_json(self.to_json())

    @cached_property
    def tail(self) -> Parameters:
        """The same ring with only q_0, q_1 and the special prime.

        Levels 0 and 1 of both chains have the same `parms_id`, so ciphertexts pass between them unchanged, and keys
        that are used only there (automorphisms, relinearisation of products) are made for the short chain: at five
        data primes each is five times smaller and the key-switching work is the same.
        """
        return Parameters(self.poly_modulus_degree, (*self.data_primes[:2], self.special_prime))

    @cached_property
    def products(self) -> Parameters:
        """The same for levels 0 to 2: the chain on which products with columns are made."""
        return Parameters(self.poly_modulus_degree, (*self.data_primes[:3], self.special_prime))

    def to_json(self) -> dict[str, object]:
        """Return the JSON form: primes as decimal strings, since they exceed 2**53."""
        return {
            "format": "secure-ds/ckks-parameters/1",
            "poly_modulus_degree": self.poly_modulus_degree,
            "primes": [str(prime) for prime in self.primes],
        }

    @classmethod
    def from_json(cls, value: object) -> Parameters:
        """Read what `to_json` wrote.

        Raises:
            InvalidParameters: another shape, or numbers that break a rule of this module.
        """
        try:
            if not isinstance(value, dict):
                raise TypeError("not an object")
            degree, primes = value["poly_modulus_degree"], value["primes"]
            if not isinstance(degree, int) or not isinstance(primes, list):
                raise TypeError("degree must be an integer and primes a list")
            parameters = cls(degree, tuple(int(prime) for prime in primes))
            if value != parameters.to_json():
                raise ValueError("unknown format, extra fields or non-canonical numbers")
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidParameters(f"not CKKS parameters in the form secure-ds/ckks-parameters/1: {error}") from error
        return parameters

    def _check_degree(self) -> None:
        if self.poly_modulus_degree not in HE_STANDARD_2018_BITS:
            raise InvalidParameters(_degree_message(self.poly_modulus_degree))

    def _check_primes(self) -> None:
        if not 2 <= len(self.primes) <= 64:
            raise InvalidParameters(f"need one data prime and a special prime at least, got {len(self.primes)} primes")
        if len(set(self.primes)) != len(self.primes):
            raise InvalidParameters("primes must be distinct")
        for prime in self.primes:
            if not MIN_PRIME_BITS <= prime.bit_length() <= MAX_PRIME_BITS:
                raise InvalidParameters(f"primes must have {MIN_PRIME_BITS} to {MAX_PRIME_BITS} bits, got {prime}")
            if prime % (2 * self.poly_modulus_degree) != 1 or not is_prime(prime):
                raise InvalidParameters(f"{prime} is not a prime = 1 mod {2 * self.poly_modulus_degree}")

    def _check_security(self) -> None:
        limit = HE_STANDARD_2018_BITS[self.poly_modulus_degree] - SECURITY_MARGIN_BITS
        if self.total_bits > limit:
            raise InsecureParameters(
                f"log2(qP) is {self.total_bits:.1f}, at N = {self.poly_modulus_degree} it may be {limit} at most"
                f" (HE Standard 2018, 128 bits, less {SECURITY_MARGIN_BITS})"
            )

    def _parms_id(self, primes: tuple[int, ...]) -> tuple[int, int, int, int]:
        words = (SCHEME_CKKS, self.poly_modulus_degree, *primes, 0)
        digest = hashlib.blake2b(struct.pack(f"<{len(words)}Q", *words), digest_size=32).digest()
        first, second, third, fourth = struct.unpack("<4Q", digest)
        return first, second, third, fourth


def _degree_message(degree: int) -> str:
    return f"polynomial degree must be one of {sorted(HE_STANDARD_2018_BITS)}, got {degree}"
