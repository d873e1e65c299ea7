"""Second moments of encrypted records: one packed ciphertext after the other.

Rules kept here:
  1. `part` is a pure function of columns, keys and index: equal inputs give equal bytes, in whatever order and process
     parts are computed.
  2. At most two groups of columns and one path of the packing tree are held; a product exists only until it is packed.
"""

from __future__ import annotations

from collections.abc import Callable

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.packing import pack
from secure_ds.ckks.statistics_plan import GROUP, PRODUCT_LEVEL, Pair, StatisticsPlan

ColumnReader = Callable[[int], list[bytes]]
"""Returns the checked ciphertexts of a column, block by block: features first, labels from `n_features` on."""

_Group = dict[int, list[Ciphertext]]


class StatisticsEvaluator:
    """Computes the ciphertexts of a plan from columns that it reads as it needs them."""

    def __init__(self, engine: Engine, plan: StatisticsPlan, read: ColumnReader) -> None:
        """Prepare for a plan.

        Raises:
            EvaluationRefused: the plan is for other parameters than the engine's keys.
        """
        if engine.parameters != plan.parameters:
            raise EvaluationRefused("plan and evaluation keys are for different parameters")
        self._engine, self._plan, self._read = engine, plan, read
        self._left: _Group = {}
        self._right: _Group = {}

    def part(self, index: int) -> bytes:
        """Compute one ciphertext of the plan: a file of two polynomials at level 1.

        Raises:
            EvaluationRefused: a column does not have the plan's blocks.
        """
        pairs = self._plan.parts[index].pairs
        packed = pack(self._engine, lambda number: self._product(pairs[number]), len(pairs))
        return self._engine.save(packed)

    def _product(self, pair: Pair) -> Ciphertext:
        """Return the sum over blocks of one column times another, at level 1, of two polynomials."""
        left, right = self._columns(pair)
        scale = self._plan.input_scale * self._plan.lifted_scale
        total: Ciphertext | None = None
        for one, other in zip(left, right, strict=True):
            total = self._engine.accumulate(total, self._engine.multiply(one, other, scale))
        return self._engine.relinearise(self._engine.rescale(total, self._plan.product_scale))

    def _columns(self, pair: Pair) -> tuple[list[Ciphertext], list[Ciphertext]]:
        j, k = pair
        if j not in self._left:
            self._left.clear()
            self._left = {column: self._plain(column) for column in _group(j, 0, self._plan.n_features)}
        if k not in self._right:
            self._right.clear()
            self._right = {column: self._lifted(column) for column in self._group_of(k)}
        return self._left[j], self._right[k]

    def _group_of(self, column: int) -> range:
        features = self._plan.n_features
        if column < features:
            return _group(column, 0, features)
        return _group(column, features, features + self._plan.n_labels)

    def _plain(self, column: int) -> list[Ciphertext]:
        blocks = [self._engine.drop_to(self._engine.load(data), PRODUCT_LEVEL) for data in self._read(column)]
        if len(blocks) != self._plan.n_blocks:
            raise EvaluationRefused(f"a column has {self._plan.n_blocks} blocks, got {len(blocks)}")
        return blocks

    def _lifted(self, column: int) -> list[Ciphertext]:
        """Return the blocks of a column lifted, and conjugated unless it is a label, which is uploaded so."""
        lifted = [
            self._engine.multiply_integer(block, self._plan.lift, self._plan.lifted_scale)
            for block in self._plain(column)
        ]
        return lifted if column >= self._plan.n_features else [self._engine.conjugate(block) for block in lifted]


def _group(column: int, start: int, end: int) -> range:
    """Return the group of columns, within start to end, that a column is loaded with."""
    first = start + (column - start) // GROUP * GROUP
    return range(first, min(first + GROUP, end))
