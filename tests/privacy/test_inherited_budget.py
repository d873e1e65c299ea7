"""A successor's budget: everything spent stays spent, all earlier answers count, and no reservation is passed on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.privacy.errors import InvalidPrivacyParameter, ReleasesExceeded
from secure_ds.privacy.ledger import Budget, Limit, inherit, reserve

LIMIT = Limit(epsilon=1.0, delta=1e-5, releases=40, coordinates=31)
LONGER = replace(LIMIT, releases=40 + 8)


@given(st.integers(0, LONGER.units), st.integers(0, 40))
def test_spent_is_spent_and_the_new_key_has_its_own_answers(units: int, releases: int) -> None:
    child = inherit(Budget(LIMIT, spent_units=units, spent_releases=releases), LONGER)
    assert (child.spent_units, child.reserved_units) == (units, 0)
    assert child.available_releases == 8
    assert child.available_units <= LIMIT.units - units  # a longer line pays more of its delta for the grid
    with pytest.raises(ReleasesExceeded):
        reserve(inherit(Budget(LIMIT), LONGER), "job", (1,) * 9)


def test_reservations_are_not_passed_on() -> None:
    for held in ({"reserved_units": 5}, {"reserved_releases": 1}):
        with pytest.raises(InvalidPrivacyParameter, match="reservations"):
            inherit(Budget(LIMIT, **held), LONGER)


def test_nothing_left_is_nothing_to_inherit() -> None:
    long = replace(LIMIT, releases=2**20)
    assert long.units < LIMIT.units
    with pytest.raises(InvalidPrivacyParameter):
        inherit(Budget(LIMIT, spent_units=LIMIT.units), long)
