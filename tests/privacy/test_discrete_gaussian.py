"""The sampler draws from the discrete Gaussian exactly.

Statistical tests use a fixed generator, so they cannot flake; each threshold is the one that a correct sampler passes
with probability at least 1 - 10^-6 over the choice of that seed.
"""

import math
import random
import time
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from secure_ds.privacy.discrete_gaussian import SystemRandomBits, sample_discrete_gaussian
from secure_ds.privacy.errors import InvalidPrivacyParameter

P_MIN = 1e-6


@pytest.mark.parametrize("variance", [Fraction(1, 5), Fraction(1), Fraction(7, 2), Fraction(81)])
def test_small_sigma_has_the_exact_probabilities(variance: Fraction) -> None:
    count = 20_000
    seen = Counter(sample_discrete_gaussian(variance, count, random.Random(f"pmf {variance}")))
    mass = {k: math.exp(-k * k / (2 * float(variance))) for k in range(-120, 121)}
    expected = {k: count * m / math.fsum(mass.values()) for k, m in mass.items()}
    common = [k for k, e in expected.items() if e >= 8]
    observed = [seen[k] for k in common] + [count - sum(seen[k] for k in common)]
    wanted = [expected[k] for k in common] + [count - sum(expected[k] for k in common)]
    if wanted[-1] < 8:  # too rare for a class of its own
        observed, wanted = [*observed[:-2], sum(observed[-2:])], [*wanted[:-2], sum(wanted[-2:])]
    assert stats.chisquare(observed, wanted, sum_check=False).pvalue > P_MIN


@pytest.mark.parametrize("bits", [10, 57, 65, 100])
def test_large_sigma_is_normal_in_shape(bits: int) -> None:
    sigma = 1 << bits
    draws = [x / sigma for x in sample_discrete_gaussian(sigma * sigma, 4000, random.Random(bits))]
    assert stats.kstest(draws, "norm").pvalue > P_MIN
    assert abs(math.fsum(draws)) / math.sqrt(4000) < 4.9  # P[|N(0,1)| > 4.9] < 1e-6
    assert stats.chi2(4000).ppf(P_MIN / 2) < math.fsum(d * d for d in draws) < stats.chi2(4000).isf(P_MIN / 2)


def test_low_bits_are_uniform() -> None:
    """A sampler that scaled up a float would leave zeros in the low bits."""
    draws = sample_discrete_gaussian(1 << 140, 4096, random.Random(3))
    low = Counter(x & 15 for x in draws)
    assert stats.chisquare([low[k] for k in range(16)]).pvalue > P_MIN


def test_tails_are_reached_and_no_fatter_than_normal() -> None:
    draws = sample_discrete_gaussian(10_000, 30_000, random.Random(8))
    beyond = sum(abs(x) > 300 for x in draws)
    low, high = stats.binom.interval(1 - P_MIN, 30_000, 2 * stats.norm.sf(3.005))
    assert low <= beyond <= high


@given(st.fractions(min_value=Fraction(1, 50), max_value=10**30), st.integers(0, 2**32))
def test_rational_variances_give_integers_within_reach(variance: Fraction, seed: int) -> None:
    draws = sample_discrete_gaussian(variance, 3, random.Random(seed))
    assert all(isinstance(x, int) for x in draws)
    assert all(x * x <= 400 * (variance + 1) for x in draws)  # 20 sigma: probability below 1e-80


def test_the_operating_system_is_the_default_source() -> None:
    first, second = (sample_discrete_gaussian(1 << 120, 4) for _ in range(2))
    assert first != second
    assert 0 <= SystemRandomBits().getrandbits(8) < 256


def test_an_answer_costs_milliseconds() -> None:
    started = time.perf_counter()
    assert len(sample_discrete_gaussian(1 << 114, 300)) == 300
    assert time.perf_counter() - started < 0.2  # 0.011 s seen; the budget is 0.05 s on a quiet core


@pytest.mark.parametrize("variance", [0, -1, Fraction(-1, 2), 1 << 256])
def test_variance_out_of_range_is_refused(variance: Fraction | int) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="variance"):
        sample_discrete_gaussian(variance, 1)


def test_negative_count_is_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="count"):
        sample_discrete_gaussian(1, -1)
