"""Samplers are what the accountant assumes: every unit by itself, with its probability; other loaders are told apart.

Error probabilities: each statistical check fails by chance for one seed in 10^6, and the seeds are fixed.
"""

from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom, chi2, norm

from secure_ds.training.dp.samplers import PoissonSampler, TruncatedPoissonSampler, draw_units

Draw = Callable[[], npt.NDArray[np.int64]]
UNITS, RATE, STEPS = 200, 0.1, 4000
ALPHA = 1e-6


def poisson(seed: int) -> Draw:
    random = Random(seed)
    return lambda: draw_units(PoissonSampler(RATE), UNITS, random.randbytes)


def fixed_size(seed: int) -> Draw:
    random = np.random.default_rng(seed)
    return lambda: np.sort(random.choice(UNITS, round(RATE * UNITS), replace=False))


def size_then_choice(seed: int) -> Draw:
    """A binomial size, then so many of a shuffled order: right for each step, but pairs of steps share the order."""
    random = np.random.default_rng(seed)
    order = random.permutation(UNITS)
    return lambda: np.sort(order[: random.binomial(UNITS, RATE)])


def shuffled(seed: int) -> Draw:
    random, left = np.random.default_rng(seed), list[int]()

    def draw() -> npt.NDArray[np.int64]:
        size = round(RATE * UNITS)
        if len(left) < size:
            left[:] = random.permutation(UNITS).tolist()
        batch, left[:size] = np.sort(left[:size]), []
        return batch

    return draw


def members(draw: Draw) -> npt.NDArray[np.bool_]:
    """(steps, units): who was in."""
    found = np.zeros((STEPS, UNITS), dtype=bool)
    for step in range(STEPS):
        found[step, draw()] = True
    return found


def rate_holds(found: npt.NDArray[np.bool_]) -> bool:
    """As many are in, over all steps and units, as the rate says."""
    deviation = (found.size * RATE * (1 - RATE)) ** 0.5
    return bool(abs(found.sum() - found.size * RATE) < norm.isf(ALPHA / 2) * deviation)


def marginals_hold(found: npt.NDArray[np.bool_]) -> bool:
    """Every unit's count is binomial: chi-squared over units."""
    counts = found.sum(axis=0)
    statistic = ((counts - STEPS * RATE) ** 2).sum() / (STEPS * RATE * (1 - RATE))
    return bool(chi2.ppf(ALPHA / 2, UNITS) < statistic < chi2.isf(ALPHA / 2, UNITS))


def sizes_vary(found: npt.NDArray[np.bool_]) -> bool:
    """Batch sizes have the binomial variance."""
    sizes = found.sum(axis=1)
    statistic = ((sizes - UNITS * RATE) ** 2).sum() / (UNITS * RATE * (1 - RATE))
    return bool(chi2.ppf(ALPHA / 2, STEPS) < statistic < chi2.isf(ALPHA / 2, STEPS))


def steps_are_strangers(found: npt.NDArray[np.bool_]) -> bool:
    """Units of one step say nothing about the next: as many are in both as independence gives."""
    both = (found[:-1:2] & found[1::2]).sum()
    trials, chance = found[:-1:2].size, RATE**2
    return bool(abs(both - trials * chance) < norm.isf(ALPHA / 2) * (trials * chance * (1 - chance)) ** 0.5)


def pairs_are_strangers(found: npt.NDArray[np.bool_]) -> bool:
    """Two units are in together as often as independence gives: chi-squared over disjoint pairs."""
    both = (found[:, ::2] & found[:, 1::2]).sum(axis=0)
    chance = RATE**2
    statistic = ((both - STEPS * chance) ** 2).sum() / (STEPS * chance * (1 - chance))
    return bool(chi2.ppf(ALPHA / 2, UNITS // 2) < statistic < chi2.isf(ALPHA / 2, UNITS // 2))


CHECKS = (rate_holds, marginals_hold, sizes_vary, steps_are_strangers, pairs_are_strangers)


def test_poisson_samples_are_independent_in_every_way() -> None:
    found = members(poisson(1))
    assert all(check(found) for check in CHECKS)


def test_shuffled_batches_are_told_apart() -> None:
    found = members(shuffled(2))
    assert not sizes_vary(found)
    assert not steps_are_strangers(found)


def test_batches_of_a_fixed_size_are_told_apart() -> None:
    assert not sizes_vary(members(fixed_size(3)))


def test_a_drawn_size_of_one_order_is_told_apart() -> None:
    found = members(size_then_choice(4))
    assert sizes_vary(found)
    assert not marginals_hold(found)
    assert not pairs_are_strangers(found)


def test_truncated_samples_are_cut_to_uniform_subsets() -> None:
    most, sampler, random = 22, TruncatedPoissonSampler(RATE, 22), Random(5)
    found = members(lambda: draw_units(sampler, UNITS, random.randbytes))
    sizes = found.sum(axis=1)
    assert sizes.max() == most
    for size in (14, 20, most):
        chance = binom.pmf(size, UNITS, RATE) if size < most else binom.sf(most - 1, UNITS, RATE)
        deviation = (STEPS * chance * (1 - chance)) ** 0.5
        assert abs((sizes == size).sum() - STEPS * chance) < norm.isf(ALPHA / 2) * deviation
    counts, rate = found[sizes == most].sum(axis=0), most / UNITS
    steps = int((sizes == most).sum())
    statistic = ((counts - steps * rate) ** 2).sum() / (steps * rate * (1 - rate))
    assert chi2.ppf(ALPHA / 2, UNITS - 1) < statistic < chi2.isf(ALPHA / 2, UNITS - 1)


def test_the_probability_is_never_above_the_rate() -> None:
    threshold = int(RATE * 2**64)
    below, at = (threshold - 1).to_bytes(8, "little"), threshold.to_bytes(8, "little")
    assert draw_units(PoissonSampler(RATE), 2, lambda size: below + at).tolist() == [0]


@pytest.mark.parametrize("n_units", [0, 1, 5])
def test_a_rate_of_one_takes_everybody_and_none_may_come(n_units: int) -> None:
    assert draw_units(PoissonSampler(1.0), n_units).tolist() == list(range(n_units))
    empty = draw_units(PoissonSampler(2.0**-64), n_units)
    assert empty.dtype == np.int64
    assert empty.tolist() == []
