"""The event is a value: what it says is checked, and its JSON gives it back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.privacy.sampled import SampledGaussian

EVENTS = st.builds(
    SampledGaussian,
    st.floats(0.1, 100),
    st.floats(1e-6, 1),
    st.integers(1, 10**6),
    st.none() | st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
)


@given(EVENTS)
def test_json_gives_the_event_back(event: SampledGaussian) -> None:
    assert SampledGaussian.from_json(event.to_json()) == event


@pytest.mark.parametrize(
    "changed",
    [
        {"neighbours": "replace one"},
        {"event": "gaussian"},
        {"truncated": [5, 3]},
        {"steps": 0},
        {"sampling_rate": 1.5},
        {"noise_multiplier": float("inf")},
        {"noise_multiplier": float("nan")},
    ],
)
def test_another_event_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidPrivacyParameter):
        SampledGaussian.from_json({**SampledGaussian(1.0, 0.1, 5).to_json(), **changed})
    with pytest.raises(InvalidPrivacyParameter):
        SampledGaussian.from_json({})
