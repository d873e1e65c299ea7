"""Exact samples of the discrete Gaussian, from random bits and integer arithmetic alone.

Rules kept here:
- No floating point: every acceptance is an exact comparison of integers, so the distribution is the one the proof is
  about and floating-point attacks (Mironov 2012; Jin et al. 2022, arXiv 2112.05307) have nothing to hold.
- The bits come from the operating system's cryptographic generator. No seed exists, so none can be stored or logged.

Algorithm: Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020, algorithms 1-3.

Known limit: rejection sampling takes a number of tries that depends on what it draws, so its running time says a little
about the noise. Callers draw all noise of an answer at once, before they touch the ciphertext, and never time it per
coordinate for anyone else.
"""

import secrets
from fractions import Fraction
from math import isqrt
from typing import Protocol

from secure_ds.privacy.errors import InvalidPrivacyParameter

MAX_VARIANCE_BITS = 256


class RandomBits(Protocol):
    """A source of independent uniform bits."""

    def getrandbits(self, count: int, /) -> int:
        """Return an integer uniform in [0, 2**count)."""
        ...


class SystemRandomBits:
    """The operating system's cryptographic generator: the only source used outside tests."""

    def getrandbits(self, count: int, /) -> int:
        """Return an integer uniform in [0, 2**count)."""
        return secrets.randbits(count)


def sample_discrete_gaussian(variance: Fraction | int, count: int, random: RandomBits | None = None) -> list[int]:
    """Draw independent samples of N_Z(0, variance): P[x] proportional to exp(-x^2 / (2 variance)), x an integer.

    Args:
        variance: the parameter sigma^2 > 0, exact, below 2**256. (The true variance is at most this, and equal to it
            up to exp(-20 sigma^2).)
        count: number of samples.
        random: source of bits; the operating system's generator when absent.

    Returns:
        `count` Python integers of any size.

    Raises:
        InvalidPrivacyParameter: the variance is not positive or too large, or the count is negative.
    """
    exact = Fraction(variance)
    if exact <= 0 or exact >= 1 << MAX_VARIANCE_BITS:
        raise InvalidPrivacyParameter(f"variance must be in (0, 2**{MAX_VARIANCE_BITS}), got {float(exact):.6g}")
    if count < 0:
        raise InvalidPrivacyParameter(f"count must not be negative, got {count}")
    bits = SystemRandomBits() if random is None else random
    return [_gaussian(exact.numerator, exact.denominator, bits) for _ in range(count)]


def _gaussian(a: int, b: int, bits: RandomBits) -> int:
    """Algorithm 3 with sigma^2 = a / b: a discrete Laplace proposal of scale t, accepted with probability
    exp(-(|y| - sigma^2 / t)^2 / (2 sigma^2)) = exp(-(|y| b t - a)^2 / (2 a b t^2))."""
    t = isqrt(a // b) + 1
    denominator = 2 * a * b * t * t
    while True:
        y = _laplace(t, bits)
        if _bernoulli_exp((abs(y) * b * t - a) ** 2, denominator, bits):
            return y


def _laplace(t: int, bits: RandomBits) -> int:
    """Algorithm 2: P[x] proportional to exp(-|x| / t)."""
    while True:
        low = _uniform(t, bits)
        if not _bernoulli_exp_unit(low, t, bits):
            continue
        high = 0
        while _bernoulli_exp_unit(1, 1, bits):
            high += 1
        magnitude = low + t * high
        negative = bits.getrandbits(1)
        if not (negative and magnitude == 0):  # zero would otherwise be counted twice
            return -magnitude if negative else magnitude


def _bernoulli_exp(numerator: int, denominator: int, bits: RandomBits) -> bool:
    """True with probability exp(-numerator / denominator), for any non-negative fraction."""
    whole, rest = divmod(numerator, denominator)
    return all(_bernoulli_exp_unit(1, 1, bits) for _ in range(whole)) and _bernoulli_exp_unit(rest, denominator, bits)


def _bernoulli_exp_unit(numerator: int, denominator: int, bits: RandomBits) -> bool:
    """Algorithm 1: true with probability exp(-numerator / denominator), for fractions in [0, 1]."""
    k = 1
    while _uniform(denominator * k, bits) < numerator:
        k += 1
    return k % 2 == 1


def _uniform(bound: int, bits: RandomBits) -> int:
    """An integer uniform in [0, bound)."""
    length = (bound - 1).bit_length()
    while True:
        draw = bits.getrandbits(length) if length else 0
        if draw < bound:
            return draw
