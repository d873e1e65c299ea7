"""The three distributions of key generation, each as likely as it should be (a false alarm: 1 in 10,000)."""

import numpy as np
import pytest
from scipy import stats

from secure_ds.ckks.randomness import centred_binomial, ternary, uniform_residues

COUNT = 60_000
LEAST_P = 1e-5


def p_value(observed, expected):
    return stats.chisquare(observed, np.array(expected) * observed.sum()).pvalue


@pytest.mark.parametrize("prime", [3, 97, 257, 12289])
def test_residues_are_uniform_below_the_prime(prime):
    drawn = uniform_residues(prime, COUNT)
    assert drawn.dtype == np.uint64
    assert drawn.shape == (COUNT,)
    bins = min(prime, 97)
    shares = np.bincount(np.arange(prime) * bins // prime) / prime
    assert p_value(np.bincount(drawn.astype(int) * bins // prime, minlength=bins), shares) > LEAST_P


def test_residues_reach_the_top_of_a_large_prime():
    prime = (1 << 59) + 21  # the least fitting of 60 bits: nearly half of all draws are thrown away
    drawn = uniform_residues(prime, COUNT)
    assert int(drawn.max()) < prime
    assert int(drawn.max()) > prime * (1 - 1e-3)  # misses with probability exp(-60)
    assert p_value(np.bincount((drawn >> np.uint64(55)).astype(int), minlength=17)[:16], [1 / 16] * 16) > LEAST_P


def test_ternary_values_are_equally_likely_and_neighbours_independent():
    drawn = ternary(COUNT).astype(int)
    pairs = 3 * (drawn[::2] + 1) + drawn[1::2] + 1
    assert p_value(np.bincount(pairs, minlength=9), [1 / 9] * 9) > LEAST_P


def test_errors_are_the_difference_of_two_sums_of_21_bits():
    drawn = centred_binomial(COUNT)
    expected = stats.binom.pmf(np.arange(43), 42, 0.5)  # a difference of two is one sum of 42, shifted
    observed = np.bincount(drawn + 21, minlength=43)
    inner = slice(10, 33)  # the tails have too few for the test; they are within +-21 by the assertion below
    rest = np.append(observed[inner], observed.sum() - observed[inner].sum())
    assert p_value(rest, np.append(expected[inner], 1 - expected[inner].sum())) > LEAST_P
    assert np.abs(drawn).max() <= 21
