"""The norm check of uploaded records, on ciphertexts: see `norm_plan` for what it must show and to whom.

With X = x1 + J x2 per slot, summed over the columns of a group:

    P = sum X conj(X) = |x1|^2 + |x2|^2        Q = sum X^2 = |x1|^2 - |x2|^2 + 2 J <x1, x2>
    4 (|x1|^2 + J |x2|^2) = 2 P (1 + J) + (Q + conj(Q)) (1 - J)

The real part of Q drops <x1, x2>, which nobody may learn. Conjugated labels give the same sums.

Costs one conjugation (a key switching) and two products per column and block, once per upload.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.norm_plan import NormCheckPlan


@dataclass(frozen=True)
class NormCiphertexts:
    """What the custodian decrypts for one block, each at the plan's level and scale.

    Attributes:
        norms: |x1|^2 + J |x2|^2 per slot, over features and slack.
        labels: |v1|^2 + J |v2|^2 per slot, over the label columns.
    """

    norms: bytes
    labels: bytes


def norm_check_ciphertexts(
    engine: Engine, plan: NormCheckPlan, columns: Iterable[bytes], labels: Iterable[bytes]
) -> NormCiphertexts:
    """Compute the norm check of one block.

    Args:
        engine: arithmetic with the data set's evaluation keys.
        plan: the data set's norm check.
        columns: checked ciphertexts of the features and the slack, in any order; read one at a time.
        labels: checked ciphertexts of the label columns, likewise.

    Raises:
        EvaluationRefused: not as many columns as planned.
    """
    norms = _squared_norms(engine, plan, columns, plan.n_features + 1, "feature and slack")
    return NormCiphertexts(norms, _squared_norms(engine, plan, labels, plan.n_labels, "label"))


def _squared_norms(engine: Engine, plan: NormCheckPlan, columns: Iterable[bytes], needed: int, kind: str) -> bytes:
    moduli: Ciphertext | None = None
    squares: Ciphertext | None = None
    count = 0
    for data in columns:
        count += 1
        column = engine.drop_to(engine.load(data), plan.level)
        lifted = engine.multiply_integer(column, plan.lift, plan.lifted_scale)
        moduli = engine.accumulate(moduli, engine.multiply(column, engine.conjugate(lifted), plan.product_scale))
        squares = engine.accumulate(squares, engine.multiply(column, lifted, plan.product_scale))
    if count != needed:
        raise EvaluationRefused(f"the norm check takes {needed} {kind} columns of a block, got {count}")
    return engine.save(_combined(engine, plan, engine.relinearise(moduli), engine.relinearise(squares)))


def _combined(engine: Engine, plan: NormCheckPlan, moduli: Ciphertext, squares: Ciphertext) -> Ciphertext:
    """Return 2 P (1 + J) + (Q + conj(Q)) (1 - J), read at the plan's scale."""
    doubled = engine.add(moduli, moduli)
    real = engine.add(squares, engine.conjugate(squares))
    first, second = engine.add(doubled, real), engine.subtract(doubled, real)
    combined = engine.add(first, engine.times_unit(second))
    combined.scale = plan.scale
    return combined
