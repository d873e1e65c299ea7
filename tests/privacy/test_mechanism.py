"""The mechanism costs what it says, by our accountant and by Google's."""

import pytest
from dp_accounting import ComposedDpEvent, GaussianDpEvent, NeighboringRelation
from dp_accounting.pld import PLDAccountant
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.gdp import units_within
from secure_ds.privacy.mechanism import GaussianMechanism, calibrate

sensitivities = st.lists(st.floats(0.01, 100), min_size=1, max_size=40).map(tuple)


@given(sensitivities, st.integers(10**4, 10**13), st.integers(1, 50))
def test_calibrated_noise_costs_what_was_allowed(steps: tuple[float, ...], units: int, k: int) -> None:
    mechanism = calibrate(steps, units, k, least=0.0)
    assert units - 2 * len(steps) - units // 10**9 <= sum(mechanism.charges) <= units
    assert mechanism.sensitivities == tuple(k * s for s in steps)


@given(sensitivities)
def test_more_noise_than_asked_costs_less(steps: tuple[float, ...]) -> None:
    asked = calibrate(steps, 10**9, 1, least=0.0)
    flooded = calibrate(steps, 10**9, 1, least=2 * asked.sigma)
    assert flooded.sigma == 2 * asked.sigma
    assert sum(flooded.charges) < sum(asked.charges) / 3.9 + len(steps)


@pytest.mark.parametrize(("epsilon", "delta", "steps"), [(1.0, 1e-5, 16), (0.5, 1e-6, 4), (3.0, 1e-5, 33)])
def test_google_pld_composes_the_event_to_the_same_epsilon(epsilon: float, delta: float, steps: int) -> None:
    mechanism = calibrate((0.5, *(steps - 1) * (1.1,)), units_within(epsilon, delta), 1, least=0.0)
    events = [GaussianDpEvent(mechanism.sigma / sensitivity) for sensitivity in mechanism.sensitivities]
    accountant = PLDAccountant(NeighboringRelation.REPLACE_SPECIAL, value_discretization_interval=1e-3)
    accountant.compose(ComposedDpEvent(events))
    assert epsilon * (1 - 1e-3) <= accountant.get_epsilon(delta) <= epsilon * 1.02


@settings(max_examples=20)
@given(st.integers(1, 30))
def test_the_event_lists_every_step(steps: int) -> None:
    event = GaussianMechanism((0.5, *(steps - 1) * (1.1,)), 3.0).to_json()
    runs = event["sensitivities"]
    assert isinstance(runs, list)
    assert [value for count, value in runs for _ in range(count)] == [0.5] + (steps - 1) * [1.1]


def test_golden_event() -> None:
    """The form that stands on certificates."""
    assert GaussianMechanism((0.5, 1.0, 1.0), 8.0, records_per_person=2).to_json() == {
        "event": "composed_gaussian",
        "accountant": "gdp-exact/1",
        "neighbours": "zero-out one record",
        "unit": "person with up to 2 records",
        "records_per_person": 2,
        "steps": 3,
        "sigma": 8.0,
        "sensitivities": [[1, 0.5], [2, 1.0]],
    }


def test_a_budget_below_a_unit_a_step_is_refused() -> None:
    with pytest.raises(InvalidPrivacyParameter, match="fewer steps"):
        calibrate((1.0,) * 10, 10, 1, least=0.0)


@pytest.mark.parametrize(("steps", "k"), [((), 1), ((1.0,), 0)])
def test_an_empty_mechanism_is_refused(steps: tuple[float, ...], k: int) -> None:
    with pytest.raises(InvalidPrivacyParameter, match="at least one"):
        GaussianMechanism(steps, 1.0, k)
