"""The backward pass: sums of products of residuals with columns, one relinearisation for each sum.

Uses no level by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from secure_ds.ckks.engine import Ciphertext, Engine


def sum_of_products(
    engine: Engine, left: Sequence[Ciphertext], right: Iterable[Ciphertext], scale: float
) -> Ciphertext:
    """Return sum_i left[i] * right[i] at `scale`, relinearised once.

    Args:
        engine: arithmetic.
        left: at least one ciphertext.
        right: as many, at the same level; asked for one at a time.
        scale: scale of the products.
    """
    total: Ciphertext | None = None
    for one, other in zip(left, right, strict=True):
        total = engine.accumulate(total, engine.multiply(one, other, scale))
    if total is None:
        raise ValueError("a sum of products needs at least one")
    return engine.relinearise(total)
