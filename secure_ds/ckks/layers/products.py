"""The backward pass: the sum over blocks of residual times column, one relinearisation per feature.

Uses no level by itself: the product stays at level 1 until it is packed.
"""

from __future__ import annotations

from collections.abc import Sequence

from secure_ds.ckks.engine import Ciphertext, Engine


def block_products(
    engine: Engine, residuals: Sequence[Ciphertext], columns: Sequence[Ciphertext], scale: float
) -> Ciphertext:
    """Return sum over blocks of residuals[b] * columns[b] at `scale`, relinearised once.

    Args:
        engine: arithmetic.
        residuals: one ciphertext per block.
        columns: the same feature's ciphertext in each block, at the residuals' level.
        scale: scale of the product.
    """
    total: Ciphertext | None = None
    for block_residual, column in zip(residuals, columns, strict=True):
        total = engine.accumulate(total, engine.multiply(block_residual, column, scale))
    if total is None:
        raise ValueError("a product needs at least one block")
    return engine.relinearise(total)
