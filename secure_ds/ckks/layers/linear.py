"""The forward pass: one weighted sum of feature columns per block, by integers, without a rescaling.

Uses no level: integer weights multiply the scale, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secure_ds.ckks.engine import Ciphertext, Engine


def weighted_sum(engine: Engine, columns: Iterable[Ciphertext], weights: Sequence[int], scale: float) -> Ciphertext:
    """Return sum_j weights[j] * columns[j] at `scale`.

    A weight of zero is skipped: its product would be a ciphertext of zeros, which SEAL refuses as transparent.

    Args:
        engine: arithmetic.
        columns: one ciphertext per feature, all at one level and scale.
        weights: integers, not all zero.
        scale: scale of the columns times that of the weights.
    """
    total: Ciphertext | None = None
    for column, weight in zip(columns, weights, strict=True):
        if weight:
            total = engine.accumulate(total, engine.multiply_integer(column, weight, scale))
    if total is None:
        raise ValueError("a weighted sum needs a weight other than zero")
    return total
