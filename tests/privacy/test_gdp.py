"""GDP conversions: right against Google's accountants, and rounded to the safe side."""

import math
from fractions import Fraction

import pytest
from dp_accounting import GaussianDpEvent, NeighboringRelation, SelfComposedDpEvent
from dp_accounting.pld import privacy_loss_distribution
from dp_accounting.rdp import RdpAccountant
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from secure_ds.privacy.approximation import distance_to_ideal
from secure_ds.privacy.errors import DeltaTooSmall, InvalidPrivacyParameter
from secure_ds.privacy.gdp import (
    UNITS_PER_MU_SQUARED,
    charge,
    delta_of,
    epsilon_of,
    largest_epsilon_within,
    units_within,
)

GRID = [(0.1, 1e-6), (0.5, 1e-5), (1.0, 1e-5), (1.0, 1e-9), (2.0, 1e-6), (8.0, 1e-5)]
epsilons = st.floats(1e-3, 20)
deltas = st.floats(-25, -2).map(lambda e: 10.0**e)
slow = settings(max_examples=12, deadline=None)


@pytest.mark.parametrize(("epsilon", "delta"), GRID)
def test_google_pld_agrees(epsilon: float, delta: float) -> None:
    """Within 0.5 %; PLD is pessimistic by its discretisation, so it may only be above."""
    mu = math.sqrt(units_within(epsilon, delta) / UNITS_PER_MU_SQUARED)
    pld = privacy_loss_distribution.from_gaussian_mechanism(1 / mu, value_discretization_interval=1e-4)
    seen = pld.get_epsilon_for_delta(delta)
    assert epsilon * (1 - 1e-6) <= seen <= epsilon * 1.005


@pytest.mark.parametrize(("epsilon", "delta"), GRID)
def test_rdp_is_an_upper_bound(epsilon: float, delta: float) -> None:
    mu = math.sqrt(units_within(epsilon, delta) / UNITS_PER_MU_SQUARED)
    accountant = RdpAccountant(neighboring_relation=NeighboringRelation.REPLACE_SPECIAL)
    accountant.compose(SelfComposedDpEvent(GaussianDpEvent(math.sqrt(20) / mu), 20))
    assert epsilon <= accountant.get_epsilon(delta) <= 1.6 * epsilon


@given(epsilons, st.integers(10**8, 10**13))
@slow
def test_delta_is_the_balle_wang_formula(epsilon: float, units: int) -> None:
    mu = math.sqrt(units / UNITS_PER_MU_SQUARED)
    near, far = stats.norm.cdf(mu / 2 - epsilon / mu), stats.norm.cdf(-mu / 2 - epsilon / mu)
    expected = near - math.exp(epsilon) * far
    assert delta_of(units, epsilon) == pytest.approx(expected, rel=1e-9, abs=1e-13 * near + 2e-36)


@given(epsilons, deltas)
@slow
def test_units_are_the_largest_that_fit(epsilon: float, delta: float) -> None:
    units = units_within(epsilon, delta)
    assert delta_of(units, epsilon) <= delta <= delta_of(units + 2, epsilon)


@given(epsilons, deltas)
@slow
def test_there_and_back_never_gives_budget_away(epsilon: float, delta: float) -> None:
    units = units_within(epsilon, delta)
    back = epsilon_of(units, delta)
    assert back <= epsilon + 1e-9
    assert delta_of(units, back) <= delta if back else units == 0
    assert units_within(largest_epsilon_within(units, delta) or 1e-9, delta) <= max(units, units_within(1e-9, delta))


@given(st.floats(0.05, 2), st.floats(-7, -3).map(lambda e: 10.0**e))
@slow
def test_distance_only_costs(epsilon: float, delta: float) -> None:
    distance = distance_to_ideal(1000, 1000)
    assert units_within(epsilon, delta, distance) < units_within(epsilon, delta)
    assert delta_of(units_within(epsilon, delta, distance), epsilon, distance) <= delta


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_charge_rounds_up_by_less_than_a_unit(sensitivity: float, sigma: float) -> None:
    exact = (Fraction(sensitivity) / Fraction(sigma)) ** 2 * UNITS_PER_MU_SQUARED
    assert 0 <= charge(sensitivity, sigma) - exact < 1


def test_golden_values() -> None:
    """A change here changes every ledger: it needs a new accountant version."""
    assert units_within(1.0, 1e-5) == 71851404654
    assert units_within(0.5, 1e-5) == 20223842997
    assert epsilon_of(71851404654, 1e-5) == 1.0
    assert charge(0.5, 7.5) == 4444444445


def test_full_budget_twice_is_the_published_composition() -> None:
    """mu times sqrt(2) at (1, 1e-5): 1.47; two data sets of one person, mu times 2: 2.15 (the design's figure)."""
    units = units_within(1.0, 1e-5)
    assert epsilon_of(4 * units, 1e-5) == pytest.approx(2.15, abs=0.01)


@pytest.mark.parametrize("epsilon", [0.5, 8.0, 8.7, 10.0, 12.0])
def test_slack_that_grows_with_epsilon_hides_no_answer(epsilon: float) -> None:
    """The slack grows with e^epsilon, so a bound that holds at 12 fails at 17: the search must not step over it."""
    distance = distance_to_ideal(32, 31)
    units = units_within(epsilon, 1e-5, distance)
    assert epsilon_of(units, 1e-5, distance) == pytest.approx(epsilon, abs=1e-8)
    assert epsilon_of(units, 1e-5, distance) <= epsilon
    assert largest_epsilon_within(units, 1e-5, distance) == pytest.approx(epsilon, abs=1e-8)


def test_delta_that_does_not_cover_the_mechanism_is_refused() -> None:
    with pytest.raises(DeltaTooSmall, match="must be above"):
        units_within(1.0, 1e-12, distance_to_ideal(1000, 100))
    with pytest.raises(DeltaTooSmall, match="no epsilon"):
        epsilon_of(10**20, 1e-5)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, 100.5, math.inf, math.nan])
def test_epsilon_out_of_range_is_refused(epsilon: float) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="epsilon"):
        units_within(epsilon, 1e-5)


@pytest.mark.parametrize("delta", [0.0, -1e-5, 1.0, 1e-31, math.nan])
def test_delta_out_of_range_is_refused(delta: float) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="delta"):
        units_within(1.0, delta)


@pytest.mark.parametrize(("sensitivity", "sigma"), [(0, 1), (1, 0), (math.nan, 1), (1, math.inf)])
def test_charge_of_nonsense_is_refused(sensitivity: float, sigma: float) -> None:
    with pytest.raises(InvalidPrivacyParameter):
        charge(sensitivity, sigma)


def test_negative_cost_is_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="never negative"):
        delta_of(-1, 1.0)
