"""Costs at the ledger's orders: against integrals and sums done directly, and against dp-accounting."""

from fractions import Fraction
from math import ceil, log, sqrt

import numpy as np
import pytest
from dp_accounting.rdp import RdpAccountant
from scipy.stats import binom, norm

from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.renyi import DEFAULT_ORDERS, UNITS_PER_RDP
from secure_ds.privacy.renyi_cost import renyi_divergence, step_cost
from secure_ds.privacy.sampled import RELATION, SampledGaussian

EVENTS = [SampledGaussian(z, q, 1) for z in (0.6, 1.0, 2.5, 20.0) for q in (0.001, 0.03, 0.5, 1.0)]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("order", [2, 3, 8])
def test_divergence_is_the_larger_integral(event: SampledGaussian, order: int) -> None:
    z, q = event.noise_multiplier, event.sampling_rate

    places = np.linspace(-14 * z - 1, order + 14 * z, 200_001)
    base = norm.logpdf(places, 0, z)
    mixture = np.logaddexp(np.log1p(-q) + base if q < 1 else -np.inf, np.log(q) + norm.logpdf(places, 1, z))
    forward = np.trapezoid(np.exp(order * mixture + (1 - order) * base), places)
    backward = np.trapezoid(np.exp(order * base + (1 - order) * mixture), places)
    divergence = float(renyi_divergence(event, order))
    assert divergence == pytest.approx(log(forward) / (order - 1), rel=1e-6, abs=1e-9)
    assert divergence >= log(backward) / (order - 1) - 1e-9


@pytest.mark.parametrize("shift", [(1, 0), (2, 1), (3, 3)])
@pytest.mark.parametrize("rate", [0.05, 0.4])
def test_the_discrete_gaussian_costs_the_same(shift: tuple[int, int], rate: float) -> None:
    sigma, order = 2.0, 4
    places = np.arange(-60, 61)
    mass = np.exp(-(places**2) / (2 * sigma**2))
    mass /= mass.sum()

    def moved(by: int) -> np.ndarray:
        shifted = np.exp(-((places - by) ** 2) / (2 * sigma**2))
        return shifted / np.exp(-(places**2) / (2 * sigma**2)).sum()

    base = np.outer(mass, mass)
    other = np.outer(moved(shift[0]), moved(shift[1]))
    mixture = (1 - rate) * base + rate * other
    seen = base > 1e-280
    moment = np.exp(order * np.log(mixture[seen]) + (1 - order) * np.log(base[seen])).sum()
    event = SampledGaussian(sigma / sqrt(shift[0] ** 2 + shift[1] ** 2), rate, 1)
    assert float(renyi_divergence(event, order)) == pytest.approx(log(moment) / (order - 1), rel=1e-9)


@pytest.mark.parametrize("event", EVENTS)
def test_dp_accounting_gets_the_same_divergences(event: SampledGaussian) -> None:
    theirs = RdpAccountant(list(DEFAULT_ORDERS), RELATION).compose(event.dp_event).rdp
    ours = [units / UNITS_PER_RDP for units in step_cost(event, DEFAULT_ORDERS)]
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=2e-12)


@pytest.mark.parametrize("event", EVENTS)
def test_costs_are_rounded_up_and_rise_with_the_order(event: SampledGaussian) -> None:
    costs = step_cost(event, DEFAULT_ORDERS)
    assert list(costs) == sorted(costs)
    for cost, order in zip(costs, DEFAULT_ORDERS, strict=True):
        exact = Fraction(renyi_divergence(event, order)) * UNITS_PER_RDP
        assert 0 <= cost - exact <= 1 + Fraction(1, 10**6)


def test_an_order_between_integers_is_charged_at_the_next() -> None:
    event = SampledGaussian(1.0, 0.1, 1)
    assert step_cost(event, (1.5, 2.0, 2.2, 3.0))[::2] == step_cost(event, (1.5, 2.0, 2.2, 3.0))[1::2]


def test_every_number_drawn_is_charged() -> None:
    event = SampledGaussian(1.0, 0.1, 1)
    (exact,), (drawn,) = step_cost(event, (8.0,)), step_cost(event, (8.0,), 10**6)
    assert drawn - exact == ceil(Fraction(3 * 10**6, 2**47) * 10**12)


def test_extreme_orders_cost_as_if_nothing_were_sampled() -> None:
    event = SampledGaussian(2.0**-7, 0.001, 1)
    assert step_cost(event, (256.0, 5000.0)) == (256 * 2**13 * UNITS_PER_RDP + 1, 5000 * 2**13 * UNITS_PER_RDP + 1)


@pytest.mark.parametrize("most", [3, 6, 10, 16])
def test_truncated_samples_cost_at_least_what_they_really_do(most: int) -> None:
    """The real mechanism on all-equal gradients along one axis, neighbours summed over every size of the draw."""
    n, q, z, order = 16, 0.25, 1.5, 3
    grid = np.linspace(-20.0, 36.0, 56_001)

    def log_output(unit_counts: int) -> np.ndarray:
        density = np.zeros_like(grid)
        for others in range(n):
            for drawn, chance in ((0, 1 - q), (1, q)):
                weight, size = binom.pmf(others, n - 1, q) * chance, others + drawn
                kept = min(1.0, most / size) if size and drawn else 0.0
                for inside, share in ((1, kept), (0, 1 - kept)):
                    total = min(size, most) - inside + inside * unit_counts
                    density += weight * share * norm.pdf(grid, total, z)
        return np.asarray(np.log(density))

    present, zeroed = log_output(1), log_output(0)
    bound = float(renyi_divergence(SampledGaussian(z, q, 1, (n, most)), order))
    for left, right in ((present, zeroed), (zeroed, present)):
        real = log(np.trapezoid(np.exp(order * left + (1 - order) * right), grid)) / (order - 1)
        assert real <= bound + 1e-9
    assert bound <= order / (2 * z**2) + 1e-12
    assert bound >= float(renyi_divergence(SampledGaussian(z, q, 1), order))


def test_a_cut_that_never_comes_costs_nothing() -> None:
    plain, cut = SampledGaussian(1.0, 0.01, 1), SampledGaussian(1.0, 0.01, 1, (100, 100))
    assert renyi_divergence(plain, 8) == renyi_divergence(cut, 8)
    # as many are kept as are expected: the bound on a cut is 1, and nothing is saved by sampling
    crowded = SampledGaussian(1.0, 0.5, 1, (1001, 500))
    assert float(renyi_divergence(crowded, 2)) == 1.0


def test_orders_below_one_are_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter):
        step_cost(EVENTS[0], (1.0,))
