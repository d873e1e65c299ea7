"""From released moments to weights: a ridge regression that knows the law of the noise on its matrix.

Rules kept here:
1. Weights are a function of the released numbers, n and sigma: post-processing, whatever it does.
2. The same bits on every machine (`tridiagonal`).
3. What is inverted is positive definite by construction: no eigenvalue below zero survives, and the ridge is added.

With E a Gaussian orthogonal ensemble of off-diagonal variance sigma^2 / 2 and A~ = A + E of eigenvalues l_i and
eigenvectors u_i, what u_i^T A u_i is expected to be follows, for large d, from the released spectrum alone:

    xi_i = l_i - sigma^2 sum_j (l_i - l_j) / ((l_i - l_j)^2 + h^2),    h -> 0 more slowly than the eigenvalues' distance

(Bun, Allez, Bouchaud, Potters, "Rotational invariant estimator for general noisy matrices", IEEE Trans. Inf. Theory 62
(2016), equation 35, with the Hilbert transform of the spectral density as a sum over the eigenvalues). Of all matrices
with A~'s eigenvectors, sum_i xi_i u_i u_i^T is closest to A. Weights are (that + lambda)^-1 B~.
"""

import numpy as np

from secure_ds.training.encrypted.least_squares.rule import WIDTH, ridge
from secure_ds.training.encrypted.least_squares.tridiagonal import FloatArray, folded, tridiagonalise


def solve(moments: FloatArray, labels: FloatArray, n_records: int, sigma: float) -> FloatArray:
    """Return the (d, m) weights of a ridge regression from released moments.

    Args:
        moments: (d, d), symmetric: X^T X with noise of deviation sigma on and sigma / sqrt(2) off the diagonal.
        labels: (d, m): X^T V with noise.
        n_records: n, public.
        sigma: zero for exact moments.
    """
    reduced = tridiagonalise(moments)
    shift = ridge(n_records, len(moments), sigma)
    turned = reduced.into(labels)
    if sigma == 0:
        return reduced.out_of(reduced.solve_shifted(shift, turned))
    eigenvalues = reduced.eigenvalues()
    vectors = reduced.eigenvectors(eigenvalues)
    inverse = 1 / (cleaned(eigenvalues, sigma) + shift)
    return reduced.out_of(_filtered(vectors, inverse, turned))


def cleaned(eigenvalues: FloatArray, sigma: float) -> FloatArray:
    """Return the eigenvalues with the repulsion by the noise taken out, none below zero; shape (d,)."""
    distances = eigenvalues[:, None] - eigenvalues
    width = WIDTH * sigma
    repulsion = folded((distances / (distances * distances + width * width)).T)
    return np.maximum(eigenvalues - sigma * sigma * repulsion, 0.0)


def _filtered(vectors: FloatArray, factors: FloatArray, columns: FloatArray) -> FloatArray:
    """Return vectors diag(factors) vectors^T times (d, m) columns."""
    across = np.ascontiguousarray(vectors.T)
    result = np.empty_like(columns)
    for index in range(columns.shape[1]):
        parts = folded(vectors * columns[:, index, None]) * factors
        result[:, index] = folded(across * parts[:, None])
    return result
