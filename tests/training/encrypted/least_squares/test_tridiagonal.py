"""Eigenvalues and eigenvectors agree with LAPACK's, and sums are folded the same way on every machine."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.training.encrypted.least_squares.tridiagonal import folded, tridiagonalise


def noisy(size: int, seed: int) -> np.ndarray:
    """A symmetric matrix of low rank with Gaussian noise, as answers are."""
    random = np.random.default_rng(seed)
    signal, noise = random.standard_normal((size, 3)), random.standard_normal((size, size))
    return 20 * signal @ signal.T + noise + noise.T


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=70))
def test_a_folded_sum_is_the_sum(values):
    assert folded(np.array(values)) == pytest.approx(sum(values), abs=1e-6)


def test_folding_adds_the_second_half_to_the_first():
    assert folded(np.array([1.0, 2.0**-53, 2.0**-53, 2.0**-53])) == (1.0 + 2.0**-53) + 2.0**-52


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10**6))
def test_eigenvalues_and_vectors_are_those_of_the_matrix(size, seed):
    matrix = noisy(size, seed)
    reduced = tridiagonalise(matrix)
    eigenvalues = reduced.eigenvalues()
    scale = np.abs(matrix).max() * size
    assert np.abs(eigenvalues - np.linalg.eigvalsh(matrix)).max() < 1e-12 * scale
    vectors = reduced.out_of(reduced.eigenvectors(eigenvalues))
    assert np.abs(matrix @ vectors - vectors * eigenvalues).max() < 1e-9 * scale
    assert np.abs(vectors.T @ vectors - np.eye(size)).max() < 1e-6  # the closest eigenvalues of 10^6 draws


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10**6))
def test_turning_is_orthogonal_and_solving_solves(size, seed):
    matrix = noisy(size, seed)
    positive, columns = matrix @ matrix.T, np.random.default_rng(seed).standard_normal((size, 2))
    reduced = tridiagonalise(positive)
    assert np.allclose(reduced.out_of(reduced.into(columns)), columns)
    solved = reduced.out_of(reduced.solve_shifted(1.0, reduced.into(columns)))
    assert np.allclose((positive + np.eye(size)) @ solved, columns, atol=1e-6)


def test_a_matrix_of_one_direction_and_one_of_zeros_are_reduced():
    ones, zeros = np.ones((5, 5)), np.zeros((4, 4))
    assert np.allclose(tridiagonalise(ones).eigenvalues(), [0, 0, 0, 0, 5])
    assert np.allclose(tridiagonalise(zeros).eigenvalues(), 0)


def test_what_is_not_positive_definite_is_not_solved():
    with pytest.raises(ValueError, match="positive definite"):
        tridiagonalise(-np.eye(3)).solve_shifted(0.5, np.ones((3, 1)))


def test_the_bits_are_always_the_same():
    """Were a library's reduction used anywhere, these bits would differ between processors."""
    row, column = np.indices((33, 33))
    matrix = (row**3 * 7 + column**2 * 31 + row * column * 17) % 2003 / 64.0
    reduced = tridiagonalise(matrix + matrix.T)
    vectors = reduced.eigenvectors(reduced.eigenvalues())
    assert hashlib.sha256(vectors.tobytes()).hexdigest()[:16] == "4a1559c3c29cf16d"
