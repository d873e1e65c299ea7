"""The solver is ridge regression, knows the noise, and is positive definite whatever was released."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.training.encrypted.least_squares.rule import ridge
from secure_ds.training.encrypted.least_squares.solver import cleaned, solve


def with_noise(matrix: np.ndarray, sigma: float, random: np.random.Generator) -> np.ndarray:
    """Add noise of deviation sigma on and sigma / sqrt(2) off the diagonal."""
    drawn = np.triu(random.standard_normal(matrix.shape) * sigma / 2**0.5, 1)
    return matrix + drawn + drawn.T + np.diag(random.standard_normal(len(matrix)) * sigma)


def example(random: np.random.Generator, size: int = 120) -> np.ndarray:
    """Second moments with a few strong directions and many weak ones."""
    basis = np.linalg.qr(random.standard_normal((size, size)))[0]
    return (basis * np.geomspace(1, 2000, size)) @ basis.T


def test_without_noise_it_is_ridge_regression():
    random = np.random.default_rng(1)
    moments, labels = example(random, 20), random.standard_normal((20, 3))
    expected = np.linalg.solve(moments + ridge(500, 20, 0.0) * np.eye(20), labels)
    assert np.allclose(solve(moments, labels, 500, 0.0), expected, rtol=1e-8)


def test_without_noise_a_singular_matrix_is_solved():
    moments = np.zeros((6, 6))
    moments[:2, :2] = 50.0
    assert np.isfinite(solve(moments, np.ones((6, 1)), 100, 0.0)).all()


def test_cleaning_finds_what_the_true_matrix_is_along_released_directions():
    """The mean error of u_i^T A u_i over all directions is less than half that of the released eigenvalues."""
    random, sigma = np.random.default_rng(2), 4.0
    true = example(random)
    eigenvalues, vectors = np.linalg.eigh(with_noise(true, sigma, random))
    along = np.einsum("ij,ij->j", vectors, true @ vectors)
    before, after = (np.abs(values - along).mean() for values in (eigenvalues, cleaned(eigenvalues, sigma)))
    assert after < 0.5 * before


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10**6), st.floats(0.5, 1e4))
def test_weights_are_finite_and_bounded_by_the_ridge_whatever_was_released(size, seed, sigma):
    random = np.random.default_rng(seed)
    released, labels = with_noise(np.zeros((size, size)), sigma, random), random.standard_normal((size, 2))
    weights = solve(released, labels, 100, sigma)
    bound = np.linalg.norm(labels) / ridge(100, size, sigma)
    assert np.linalg.norm(weights) <= bound * (1 + 1e-6)


def test_it_beats_a_plain_ridge_on_the_released_matrix():
    """In the loss tr W^T A W - 2 tr W^T B of the true moments, over ten draws."""
    random, sigma = np.random.default_rng(3), 4.0
    true = example(random)
    labels = true @ random.standard_normal((120, 2)) / 30
    ours, plain = [], []
    for _ in range(10):
        moments, noisy = with_noise(true, sigma, random), labels + sigma * random.standard_normal(labels.shape)
        shift = ridge(2000, 120, sigma)
        values, vectors = np.linalg.eigh(moments)
        cut = vectors @ ((vectors.T @ noisy) / (np.maximum(values, 0) + shift)[:, None])
        for found, weights in ((ours, solve(moments, noisy, 2000, sigma)), (plain, cut)):
            found.append(np.sum(weights * (true @ weights)) - 2 * np.sum(weights * labels))
    assert np.mean(ours) < np.mean(plain)


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_the_ridge_grows_with_the_edge_of_the_noise(sigma):
    assert ridge(1000, 200, sigma) - ridge(1000, 200, 0.0) == pytest.approx(0.45 * sigma * 20)
