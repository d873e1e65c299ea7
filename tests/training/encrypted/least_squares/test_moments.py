"""Lists and matrices agree, and statistics of records are whole numbers, exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.client.package import label_columns
from secure_ds.training.encrypted.least_squares.moments import exact_units, in_ones, matrices
from tests.ckks.statistics_examples import a_plan, some_records


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 90), st.integers(2, 9), st.integers(0, 1000))
def test_exact_units_are_the_statistics_of_the_records(d, c, seed):
    plan, X = a_plan(50, d, c), some_records(50, d, seed)
    labels = np.random.default_rng(seed).integers(0, c, 50)
    moments, against = matrices(plan, in_ones(plan, exact_units(plan, X, labels)))
    assert np.array_equal(moments, X.T @ X)  # exact: whole multiples of 2^-24 below 50
    assert np.allclose(against, X.T @ label_columns(labels, c), rtol=0, atol=1e-12)


def test_units_are_exact_where_doubles_are_not():
    plan, X = a_plan(3, 2, 3), some_records(3, 2)
    labels = np.array([0, 1, 2])
    (*_, last) = exact_units(plan, X, labels)
    right = sum(Fraction(X[i, 1]) * (Fraction(int(labels[i] == 2)) - Fraction(1, 3)) for i in range(3))
    assert last == right * plan.label_units


def test_records_off_the_grid_are_refused():
    with pytest.raises(ValueError, match="multiples"):
        exact_units(a_plan(1, 2, 2), np.array([[0.1, 0.2]]), np.array([0]))
