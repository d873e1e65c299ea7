"""Eigenvalues and eigenvectors of symmetric matrices, with the same bits on every machine.

Rules kept here:
1. Only operations that IEEE 754 defines exactly: elementwise NumPy arithmetic and square roots. Sums are folded by
   halves in a fixed order (`folded`), never left to a library, whose order depends on the processor.
2. Loops run over rows; everything within a row is one NumPy operation over all columns or all eigenvalues at once.

Householder's reduction to a tridiagonal matrix T (Golub and Van Loan, section 8.3), bisection on Sturm counts, and
eigenvectors from T's twisted factorisation (Parlett and Dhillon 1997), which is accurate where eigenvalues are apart.
The matrices here carry continuous noise, whose eigenvalues repel each other; without noise use `solve_shifted`.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_BISECTIONS: Final = 64
_TINY: Final = 2.0**-500


def folded(values: FloatArray) -> FloatArray:
    """Return the sum over the first axis, by halves: the second half is added to the first, until one is left."""
    while len(values) > 1:
        half = len(values) // 2
        upper = values[:half] + values[half : 2 * half]
        values = upper if len(values) % 2 == 0 else np.concatenate([upper, values[2 * half :]])
    total: FloatArray = values[0]
    return total


@dataclass(frozen=True)
class Tridiagonal:
    """A symmetric matrix as Q T Q^T.

    Attributes:
        diagonal: (d,) of T.
        beside: (d - 1,) beside T's diagonal.
        reflections: vectors w, of length 2^(1/2), from row k + 1 on; Q is the product of all I - w w^T.
    """

    diagonal: FloatArray
    beside: FloatArray
    reflections: tuple[FloatArray, ...]

    def into(self, columns: FloatArray) -> FloatArray:
        """Return Q^T times (d, m) columns."""
        result = columns.copy()
        for row, vector in enumerate(self.reflections, start=1):
            _reflect(result[row:], vector)
        return result

    def out_of(self, columns: FloatArray) -> FloatArray:
        """Return Q times (d, m) columns."""
        result = columns.copy()
        for row in range(len(self.reflections), 0, -1):
            _reflect(result[row:], self.reflections[row - 1])
        return result

    def eigenvalues(self) -> FloatArray:
        """Return the (d,) eigenvalues, ascending."""
        squares = np.concatenate([[0.0], self.beside * self.beside])
        reach = np.abs(self.diagonal) + _padded(np.abs(self.beside))
        low = np.full(len(self.diagonal), (self.diagonal - reach).min() - 1)
        high = np.full(len(self.diagonal), (self.diagonal + reach).max() + 1)
        wanted = np.arange(len(self.diagonal))
        for _ in range(_BISECTIONS):
            middle = low + (high - low) / 2
            above = self._below(middle, squares) <= wanted
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        found: FloatArray = low + (high - low) / 2
        return found

    def eigenvectors(self, eigenvalues: FloatArray) -> FloatArray:
        """Return T's eigenvectors of these eigenvalues: (d, d), one a column, of length 1."""
        shifted = self.diagonal[:, None] - eigenvalues
        forward, backward = self._pivots(shifted, 1), self._pivots(shifted, -1)
        twist = np.abs(forward + backward - shifted).argmin(axis=0)
        vectors = (np.arange(len(shifted))[:, None] == twist).astype(np.float64)
        for row in range(len(shifted) - 2, -1, -1):
            ahead = -self.beside[row] * vectors[row + 1] / forward[row]
            vectors[row] = np.where(row < twist, ahead, vectors[row])
        for row in range(1, len(shifted)):
            behind = -self.beside[row - 1] * vectors[row - 1] / backward[row]
            vectors[row] = np.where(row > twist, behind, vectors[row])
        unit: FloatArray = vectors / np.sqrt(folded(vectors * vectors))
        return unit

    def solve_shifted(self, shift: float, columns: FloatArray) -> FloatArray:
        """Return (T + shift)^-1 times (d, m) columns, for a T + shift that is positive definite.

        Raises:
            ValueError: it is not.
        """
        pivots, solved = self.diagonal + shift, columns.copy()
        for row in range(len(pivots)):
            if row:
                factor = self.beside[row - 1] / pivots[row - 1]
                pivots[row] -= factor * self.beside[row - 1]
                solved[row] -= factor * solved[row - 1]
            if not pivots[row] > 0:
                raise ValueError("the matrix is not positive definite")
        solved[-1] /= pivots[-1]
        for row in range(len(pivots) - 2, -1, -1):
            solved[row] = (solved[row] - self.beside[row] * solved[row + 1]) / pivots[row]
        return solved

    def _below(self, shifts: FloatArray, squares: FloatArray) -> npt.NDArray[np.int64]:
        """Count, for each shift, the eigenvalues below it: the negative pivots of T - shift (Sylvester)."""
        count = np.zeros(len(shifts), dtype=np.int64)
        pivot = np.ones(len(shifts))
        for entry, square in zip(self.diagonal.tolist(), squares.tolist(), strict=True):
            pivot = _apart_from_zero((entry - shifts) - square / pivot)
            count += pivot < 0
        return count

    def _pivots(self, shifted: FloatArray, direction: int) -> FloatArray:
        """Return the pivots of T minus each eigenvalue, eliminated downwards (1) or upwards (-1)."""
        pivots = np.empty_like(shifted)
        rows = range(len(shifted))[::direction]
        pivots[rows[0]] = _apart_from_zero(shifted[rows[0]])
        for before, row in pairwise(rows):
            square = self.beside[min(before, row)] ** 2
            pivots[row] = _apart_from_zero(shifted[row] - square / pivots[before])
        return pivots


def tridiagonalise(matrix: FloatArray) -> Tridiagonal:
    """Reduce a symmetric (d, d) matrix, d at least 1."""
    work, size = matrix.copy(), len(matrix)
    diagonal, beside, reflections = np.empty(size), np.empty(max(size - 1, 0)), []
    for row in range(size - 1):
        diagonal[row] = work[0, 0]
        vector, beside[row] = _reflection(work[1:, 0])
        work = work[1:, 1:]
        product = folded(work * vector[:, None])
        product -= folded(product * vector) / 2 * vector
        work = work - (vector[:, None] * product + product[:, None] * vector)
        reflections.append(vector)
    diagonal[-1] = work[0, 0]
    return Tridiagonal(diagonal, beside, tuple(reflections))


def _reflection(column: FloatArray) -> tuple[FloatArray, float]:
    """Return w and b such that (I - w w^T) column is b and then zeros; w is zero where it is so already."""
    rest = folded(column[1:] * column[1:]) if len(column) > 1 else np.float64(0)
    if rest == 0:
        return np.zeros_like(column), float(column[0])
    length = np.sqrt(column[0] * column[0] + rest)
    reflected = -length if column[0] > 0 else length
    vector = column.copy()
    vector[0] -= reflected
    scale = np.sqrt((vector[0] * vector[0] + rest) / 2)
    return vector / scale, float(reflected)


def _reflect(rows: FloatArray, vector: FloatArray) -> None:
    rows -= vector[:, None] * folded(rows * vector[:, None])


def _apart_from_zero(pivot: FloatArray) -> FloatArray:
    apart: FloatArray = np.where(np.abs(pivot) < _TINY, _TINY, pivot)
    return apart


def _padded(beside: FloatArray) -> FloatArray:
    """Return, for each row, the sum of what stands beside its diagonal."""
    both: FloatArray = np.concatenate([[0.0], beside]) + np.concatenate([beside, [0.0]])
    return both
