"""The spectral projection: inside the ball for every matrix, idempotent, the identity inside, and LAPACK's answer."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from secure_ds.training.encrypted.spectral import project_spectral, spectral_norm

SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 9))
ENTRIES = st.floats(-1e6, 1e6) | st.floats(-1, 1) | st.sampled_from([0.0, 1.0, -1.0, 1e100, 1e-300])
MATRICES = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=ENTRIES))
RADII = st.floats(1e-3, 1e3)


def by_lapack(matrix: np.ndarray, radius: float) -> np.ndarray:
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    return (left * np.minimum(values, radius)) @ right


@given(MATRICES, RADII)
@settings(max_examples=300, deadline=None)
def test_every_matrix_ends_inside_and_stays_there(matrix: np.ndarray, radius: float) -> None:
    projected = project_spectral(matrix, radius)
    assert np.linalg.norm(projected, 2) <= radius * (1 + 1e-14)  # LAPACK's own rounding
    assert project_spectral(projected, radius).tobytes() == projected.tobytes()


@given(MATRICES, RADII)
@settings(max_examples=100, deadline=None)
def test_a_matrix_inside_the_ball_is_returned_as_it_is(matrix: np.ndarray, radius: float) -> None:
    inside = matrix * (0.999 * radius / max(np.linalg.norm(matrix), radius))
    assert project_spectral(inside, radius).tobytes() == inside.tobytes()


@given(st.integers(0, 10**6), st.integers(1, 12), st.integers(1, 30), st.floats(0.05, 2.0))
@settings(max_examples=100, deadline=None)
def test_it_is_the_projection_that_lapack_computes(seed: int, rows: int, columns: int, share: float) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    radius = share * float(np.linalg.norm(matrix, 2))
    assert np.abs(project_spectral(matrix, radius) - by_lapack(matrix, radius)).max() < 1e-10 * radius
    assert spectral_norm(matrix) == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-12)


def test_equal_singular_values_and_deficient_ranks_are_no_trouble() -> None:
    for matrix in (np.eye(5) * 3, np.ones((4, 7)), np.outer([1.0, 0, 2, 0], np.arange(3.0)), np.zeros((3, 2))):
        assert np.abs(project_spectral(matrix, 0.5) - by_lapack(matrix, 0.5)).max() < 1e-10
    assert spectral_norm(np.zeros((3, 2))) == 0.0


def test_no_other_matrix_in_the_ball_is_nearer() -> None:
    rng = np.random.default_rng(3)
    matrix = rng.normal(size=(4, 6))
    distance = np.linalg.norm(project_spectral(matrix, 1.0) - matrix)
    for _ in range(200):
        other = project_spectral(project_spectral(matrix, 1.0) + 0.1 * rng.normal(size=(4, 6)), 1.0)
        assert np.linalg.norm(other - matrix) >= distance - 1e-9


def test_the_same_bits_on_every_machine() -> None:
    """A golden value: whoever recomputes a model elsewhere must find these bytes."""
    matrix = np.array([[(7 * row + 3 * column) % 11 - 5.0 for column in range(8)] for row in range(5)]) / 3
    digest = hashlib.sha256(project_spectral(matrix, 1.25).astype("<f8").tobytes()).hexdigest()
    assert digest == "1a80bd12b66d74087985844732fedbc5a06416ccf332b424384da6cbc6886a2f"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2.0**401])
def test_what_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ArithmeticError, match="finite"):
        project_spectral(np.array([[1.0, value]]), 1.0)
