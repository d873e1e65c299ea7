"""The norm check of uploaded records, on ciphertexts: see `norm_plan` for what it must show and to whom.

Costs one conjugation (a key switching) and three products per column and block, once per upload.
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
        norms: sum_j |x_j|^2 per slot.
        squares: sum_j x_j^2 per slot.
        labels: |v|^2 per slot.
    """

    norms: bytes
    squares: bytes
    labels: bytes


def norm_check_ciphertexts(
    engine: Engine, plan: NormCheckPlan, columns: Iterable[bytes], label: bytes
) -> NormCiphertexts:
    """Compute the norm check of one block.

    Args:
        engine: arithmetic with the data set's evaluation keys.
        plan: the data set's norm check.
        columns: checked ciphertexts of the features and the slack, in any order; read one at a time.
        label: checked ciphertext of the label.

    Raises:
        EvaluationRefused: not as many columns as planned.
    """
    norms: Ciphertext | None = None
    squares: Ciphertext | None = None
    count = 0
    for data in columns:
        count += 1
        column, lifted, conjugate = _prepare(engine, plan, data)
        norms = engine.accumulate(norms, engine.multiply(column, conjugate, plan.scale))
        squares = engine.accumulate(squares, engine.multiply(column, lifted, plan.scale))
    if count != plan.n_features + 1:
        raise EvaluationRefused(f"the norm check takes {plan.n_features + 1} columns of a block, got {count}")
    column, _, conjugate = _prepare(engine, plan, label)
    labels = engine.multiply(column, conjugate, plan.scale)
    return NormCiphertexts(*(engine.save(engine.relinearise(total)) for total in (norms, squares, labels)))


def _prepare(engine: Engine, plan: NormCheckPlan, data: bytes) -> tuple[Ciphertext, Ciphertext, Ciphertext]:
    """Return a column at the check's level, lifted, and lifted and conjugated."""
    column = engine.drop_to(engine.load(data), plan.level)
    lifted = engine.multiply_integer(column, plan.lift, plan.lifted_scale)
    return column, lifted, engine.conjugate(lifted)
