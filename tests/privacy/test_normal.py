"""Normal tails against mpmath-free facts: scipy to its 15 digits, symmetry, and Mills' bounds far out."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from secure_ds.privacy.normal import ABSOLUTE_ERROR, CONTEXT, lower_tail


@given(st.floats(-37, 37))
def test_agrees_with_scipy(x: float) -> None:
    assert float(lower_tail(Decimal(x))) == pytest.approx(stats.norm.cdf(x), rel=1e-12, abs=1e-82)


@given(st.floats(0, 20))
def test_both_tails_add_to_one(x: float) -> None:
    exact = Decimal(x)
    total = CONTEXT.add(lower_tail(exact), lower_tail(exact.copy_negate()))
    assert abs(CONTEXT.subtract(total, Decimal(1))) < ABSOLUTE_ERROR


@given(st.floats(2, 18))
def test_far_tail_lies_between_mills_bounds(x: float) -> None:
    """phi(x) (1/x - 1/x^3) < Phi(-x) < phi(x) / x: needs far more than double precision's absolute accuracy."""
    density = Decimal(stats.norm.pdf(x))
    tail, exact = lower_tail(Decimal(-x)), Decimal(x)
    assert density * (1 / exact - 1 / exact**3) * Decimal("0.999999") < tail < density / exact * Decimal("1.000001")


def test_known_digits() -> None:
    """Phi(-1) to 50 digits (OEIS A239382 is erfc(1/sqrt 2); half of it)."""
    assert str(lower_tail(Decimal(-1))).startswith("0.158655253931457051414767454367962077522087")
