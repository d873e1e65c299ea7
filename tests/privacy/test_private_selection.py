"""Private selection: bounds against the divergence of real selections, against dp-accounting; K against its law."""

from collections import Counter
from math import inf, log
from random import Random

import numpy as np
import pytest
from dp_accounting.dp_event import RepeatAndSelectDpEvent
from dp_accounting.rdp import RdpAccountant
from scipy.stats import chi2

from secure_ds.privacy.accountants import tightest
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.private_selection import ORDERS, Runs, selection_cost, selection_divergence, selection_epsilon
from secure_ds.privacy.renyi import UNITS_PER_RDP
from secure_ds.privacy.sampled import RELATION, SampledGaussian

EVENT = SampledGaussian(2.0, 0.01, 200)
KINDS = [Runs("geometric", 4.0), Runs("poisson", 4.0), Runs("geometric", 1.0)]


@pytest.mark.parametrize("runs", KINDS)
def test_probabilities_add_up_and_have_the_mean(runs: Runs) -> None:
    chances = [float(runs.probability(k)) for k in range(200)]
    assert sum(chances) == pytest.approx(1.0)
    assert sum(k * chance for k, chance in enumerate(chances)) == pytest.approx(runs.expected)
    if runs.kind == "geometric":
        assert chances[0] == 0


@pytest.mark.parametrize("runs", KINDS[:2])
def test_drawn_numbers_follow_the_distribution(runs: Runs) -> None:
    """Chi-squared over eight bins; fails by chance once in 10^6 seeds, and the seed is fixed."""
    random, draws = Random(7), 4000
    seen = Counter(min(runs.draw(random), 8) for _ in range(draws))
    expected = [draws * float(runs.probability(k)) for k in range(8)]
    expected.append(draws - sum(expected))
    bins = [(seen[k], mean) for k, mean in enumerate(expected) if mean > 0]
    assert sum((found - mean) ** 2 / mean for found, mean in bins) < chi2.isf(1e-6, len(bins) - 1)


@pytest.mark.parametrize("runs", KINDS[:2])
@pytest.mark.parametrize("order", [2, 4, 16])
def test_a_real_selection_diverges_less_than_the_bound(runs: Runs, order: int) -> None:
    """One Gaussian release as the score, the largest kept: its distribution function is the sum of P[K = k] F^k."""
    z, places = 1.0, np.linspace(-9.0, 10.0, 190_001)
    event = SampledGaussian(z, 1.0, 1)

    def best(mean: float) -> np.ndarray:
        mass = np.exp(-((places - mean) ** 2) / (2 * z**2))
        mass /= mass.sum()
        below = np.minimum(np.cumsum(mass), 1.0)
        made = sum(float(runs.probability(k)) * below**k for k in range(1, 60))
        return np.diff(made)

    with_unit, without = best(1.0), best(0.0)
    none = float(runs.probability(0))
    seen = (with_unit > 1e-14) & (without > 1e-14)
    bound = float(selection_divergence(event, runs, order))
    for left, right in ((with_unit[seen], without[seen]), (without[seen], with_unit[seen])):
        moment = none + np.exp(order * np.log(left) + (1 - order) * np.log(right)).sum()
        assert log(moment) / (order - 1) <= bound + 1e-6


@pytest.mark.parametrize("runs", KINDS[:2])
def test_dp_accounting_gets_the_same_epsilon(runs: Runs) -> None:
    shape = 1.0 if runs.kind == "geometric" else inf
    theirs = RdpAccountant(list(ORDERS), RELATION).compose(RepeatAndSelectDpEvent(EVENT.dp_event, runs.expected, shape))
    assert selection_epsilon(EVENT, runs, 1e-5) == pytest.approx(theirs.get_epsilon(1e-5), abs=2e-9)


def test_a_sweep_costs_more_than_a_run_and_less_than_all_runs() -> None:
    one = tightest(EVENT, 1e-5)[0]
    sweep = selection_epsilon(EVENT, Runs("geometric", 30.0), 1e-5)
    assert one < sweep < 4 * one
    assert sweep < selection_epsilon(EVENT, Runs("geometric", 100.0), 1e-5)


def test_cost_is_rounded_up_and_rises_with_the_order() -> None:
    orders = (2.0, 3.0, 8.0, 64.0, 300.0)
    costs = selection_cost(EVENT, KINDS[0], orders)
    assert list(costs) == sorted(costs)
    assert costs[1] / UNITS_PER_RDP == pytest.approx(float(selection_divergence(EVENT, KINDS[0], 3)), abs=1e-12)


@pytest.mark.parametrize("expected", [0.5, 1e9, float("nan")])
def test_senseless_numbers_of_runs_are_refused(expected: float) -> None:
    with pytest.raises(InvalidPrivacyParameter):
        Runs("geometric", expected)
