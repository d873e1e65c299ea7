"""One form of time, whatever the moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.core.clock import SystemClock, timestamp


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 12, tzinfo=UTC), "2026-01-31T12:00:00.000000Z"),
        (datetime(2026, 1, 31, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=2))), "2026-01-31T10:00:00.000007Z"),
        (datetime(109, 1, 1, tzinfo=UTC), "0109-01-01T00:00:00.000000Z"),
    ],
)
def test_moments_are_written_in_one_form(moment: datetime, text: str) -> None:
    assert timestamp(moment) == text


@given(st.datetimes(timezones=st.just(UTC)))
def test_written_moments_read_back_and_sort(moment: datetime) -> None:
    text = timestamp(moment)
    assert datetime.fromisoformat(text) == moment and len(text) == 27


def test_the_system_clock_knows_its_zone() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)
