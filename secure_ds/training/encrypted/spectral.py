"""Spectral projection: the nearest matrix whose largest singular value is at most a radius, the same on every machine.

Rules kept here:
1. Only IEEE operations that are exact or correctly rounded: elementwise NumPy, `fsum`, `sqrt`. No BLAS or LAPACK, whose
   results differ between machines; a custodian recomputes weights and compares digests.
2. The norm after projection is at most the radius, whatever the matrix. A matrix inside the ball comes back as it is,
   bit for bit, and so does a projected one.

Method. The rows are written in an orthonormal basis of their span (modified Gram-Schmidt), which keeps singular values
and makes the matrix square and small. One-sided Jacobi (Hestenes 1958) rotates its rows until they are orthogonal;
their lengths are then the singular values, accurate relative to the largest. The nearest matrix in the ball, in
Frobenius norm, has the same singular vectors and singular values cut at the radius. Cutting a matrix far outside leaves
rounding errors relative to where it was, so it is cut again until its own singular values say that it is inside.
"""

from itertools import combinations
from math import copysign, fsum, sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Rows = list[FloatArray]

_INSIDE: Final = 1 - 2.0**-36  # where singular values are cut
_ACCEPTED: Final = 1 - 2.0**-37  # what counts as inside: the gap is far above the rounding errors of both
_ORTHOGONAL: Final = 2.0**-46  # cosine of two rows that count as orthogonal
_NEGLIGIBLE: Final = 2.0**-60  # inner product, in units of radius^2, that moves no singular value near the radius
_LARGEST: Final = 2.0**400  # squares of larger entries might overflow
_FLAT: Final = 2.0**60
_MAX_SWEEPS: Final = 60


def project_spectral(matrix: FloatArray, radius: float) -> FloatArray:
    """Return the nearest matrix, in Frobenius norm, of spectral norm at most `radius`.

    Args:
        matrix: shape (m, d), finite.
        radius: positive.

    Returns:
        (m, d) with largest singular value in exact arithmetic at most `radius`; `matrix` itself where it is inside.

    Raises:
        ArithmeticError: an entry is not finite, or beyond 2**400.
    """
    if not bool((np.abs(matrix) <= _LARGEST).all()):
        raise ArithmeticError("only a matrix of finite entries up to 2**400 can be projected")
    if matrix.shape[0] > matrix.shape[1]:
        return project_spectral(matrix.T, radius).T
    while _frobenius(matrix) > radius * _ACCEPTED:
        directions, lengths = _singular(matrix, radius)
        if max(lengths) <= radius * _ACCEPTED:
            break
        matrix = _shortened(matrix, directions, lengths, radius * _INSIDE)
    return matrix


def spectral_norm(matrix: FloatArray) -> float:
    """Return the largest singular value of a matrix that `project_spectral` takes; 0.0 for zeros."""
    largest = _frobenius(matrix)
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    return max(_singular(wide, largest)[1]) if largest else 0.0


def _shortened(matrix: FloatArray, directions: Rows, lengths: list[float], limit: float) -> FloatArray:
    """Take from the matrix what its singular values have beyond the limit: W - sum_i (1 - limit/s_i) u_i u_i^T W."""
    excess = np.zeros((len(matrix), len(matrix)))
    for direction, length in zip(directions, lengths, strict=True):
        if length > limit:
            excess = excess + (1 - limit / length) * (direction[:, None] * direction[None, :])
    for column, row in zip(excess.T, tuple(matrix), strict=True):
        matrix = matrix - column[:, None] * row[None, :]
    return matrix


def _singular(matrix: FloatArray, radius: float) -> tuple[Rows, list[float]]:
    """Return left singular vectors and values; values far below the radius are rough.

    Raises:
        ArithmeticError: no convergence; quadratic in theory, six to ten sweeps seen in practice.
    """
    rows, rotation = _coordinates(matrix), list(np.eye(len(matrix)))
    for _ in range(_MAX_SWEEPS):
        turned = [_rotate(rows, rotation, pair, radius) for pair in combinations(range(len(rows)), 2)]
        if not any(turned):
            return rotation, [_length(row) for row in rows]
    raise ArithmeticError(f"rows are not orthogonal after {_MAX_SWEEPS} sweeps")


def _coordinates(matrix: FloatArray) -> Rows:
    """Return the rows' coordinates in an orthonormal basis of their span: the lower triangular factor."""
    rest, columns = matrix, []
    for index in range(len(matrix)):
        length = _length(rest[index])
        basis = rest[index] / length if length else rest[index]
        column = np.array([0.0] * index + [_inner(row, basis) for row in rest[index:]])
        rest = rest - column[:, None] * basis[None, :]
        columns.append(column)
    return list(np.column_stack(columns))


def _rotate(rows: Rows, rotation: Rows, pair: tuple[int, int], radius: float) -> bool:
    """Turn two rows until they are orthogonal; say whether there was anything to do."""
    first, second = pair
    left, right = rows[first], rows[second]
    inner, left_square, right_square = _inner(left, right), _inner(left, left), _inner(right, right)
    if abs(inner) <= max(_ORTHOGONAL * sqrt(left_square) * sqrt(right_square), _NEGLIGIBLE * radius * radius):
        return False
    cosine, sine = _angle(inner, left_square, right_square)
    for vectors in (rows, rotation):
        one, other = vectors[first], vectors[second]
        vectors[first], vectors[second] = cosine * one - sine * other, sine * one + cosine * other
    return True


def _angle(inner: float, left_square: float, right_square: float) -> tuple[float, float]:
    """Return cosine and sine of the smaller angle that makes two rows orthogonal (Rutishauser 1966)."""
    cotangent = (right_square - left_square) / (2 * inner)  # of twice the angle
    if abs(cotangent) > _FLAT:  # its square might overflow, and adds nothing to it
        return 1.0, 1 / (2 * cotangent)
    tangent = copysign(1.0, cotangent) / (abs(cotangent) + sqrt(1 + cotangent * cotangent))
    cosine = 1 / sqrt(1 + tangent * tangent)
    return cosine, cosine * tangent


def _inner(left: FloatArray, right: FloatArray) -> float:
    return fsum((left * right).tolist())


def _length(row: FloatArray) -> float:
    return sqrt(_inner(row, row))


def _frobenius(matrix: FloatArray) -> float:
    return _length(matrix.ravel())
