"""The integers that stand for a clear matrix of weights on its way into a circuit.

Pure Python: worker, custodian, client and verifier must agree on them to the last bit.

Entries are cut towards zero, each by less than 1/scale; the spectral norm of an (m, d) matrix thereby grows by less
than sqrt(m d)/scale, the Frobenius norm of what is cut, which plans count in.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.errors import EvaluationRefused

IntegerMatrix: TypeAlias = Sequence[Sequence[int]]

PRODUCT_FROM_ROWS: Final = 5
"""Rows of weights from which on a matrix product (`layers.modular_product`) takes less time than row after row."""
_NORM_SLACK = 1e-12  # a projected matrix may exceed the radius by rounding


def quantise_matrix(
    weights: npt.ArrayLike, shape: tuple[int, int], radius: float, scale: int
) -> tuple[tuple[int, ...], ...]:
    """Return weights times scale, cut towards zero to whole doubles.

    Args:
        weights: finite, of that shape; spectral norm at most `radius` is the caller's to keep, and it is checked here
            only as far as the Frobenius norm shows it.
        shape: (m, d).
        radius: bound on the spectral norm.
        scale: integers per unit.

    Raises:
        EvaluationRefused: another shape, a number that is not finite, or a Frobenius norm that no matrix of that rank
            and spectral norm has.
    """
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != shape:
        raise EvaluationRefused(f"weights must have shape {shape}, got {values.shape}")
    if not np.isfinite(values).all():
        raise EvaluationRefused("weights must be finite")
    integers = tuple(tuple(math.trunc(value * scale) for value in row) for row in values.tolist())
    check_integer_matrix(integers, shape, radius, scale)
    return integers


def quantise_filled(
    weights: npt.ArrayLike, shape: tuple[int, int], radius: float, scale: int
) -> tuple[tuple[int, ...], ...]:
    """Return what `quantise_matrix` does, but with 1 or -1 in front of a row that would be all zeros.

    A ciphertext times zero would hide nothing. The entry takes the sign it had, so it moves by 1/scale at most, like
    any other: the norm of what is cut has the same bound. Raises as `quantise_matrix` does.
    """
    values = np.asarray(weights, dtype=np.float64)
    rows = quantise_matrix(values, shape, radius, scale)
    signs = np.where(values[:, 0] < 0, -1, 1).tolist()
    return tuple(row if any(row) else (sign, *row[1:]) for row, sign in zip(rows, signs, strict=True))


def check_integer_matrix(weights: IntegerMatrix, shape: tuple[int, int], radius: float, scale: int) -> None:
    """Refuse integers that `quantise_matrix` cannot have made.

    Raises:
        EvaluationRefused: another shape, or a Frobenius norm above sqrt(rank) times the radius.
    """
    if len(weights) != shape[0] or any(len(row) != shape[1] for row in weights):
        raise EvaluationRefused(f"integer weights of shape {shape} needed")
    limit = radius * (1 + _NORM_SLACK) * scale * math.sqrt(min(shape))
    if math.isqrt(sum(weight * weight for row in weights for weight in row)) > limit:
        raise EvaluationRefused(f"integer weights must have Frobenius norm at most {limit:g}")
