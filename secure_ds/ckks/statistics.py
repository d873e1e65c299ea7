"""Second moments of encrypted records: one packed ciphertext after the other.

Rules kept here:
  1. `part` is a pure function of columns, keys and index: equal inputs give equal bytes, in whatever order and process
     parts are computed.
  2. One tile of right-hand columns, the images of one left-hand column and one path of the packing tree are held; a
     product exists only until it is packed.
"""

from __future__ import annotations

from collections.abc import Callable

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.packing import grouped, images, pack
from secure_ds.ckks.statistics_plan import PRODUCT_LEVEL, Group, StatisticsPlan
from secure_ds.ckks.step_evaluator import require_parameters

ColumnReader = Callable[[int], list[bytes]]
"""Returns the checked ciphertexts of a column, block by block: features first, labels from `n_features` on."""


class StatisticsEvaluator:
    """Computes the ciphertexts of a plan from columns that it reads as it needs them."""

    def __init__(self, engine: Engine, plan: StatisticsPlan, read: ColumnReader) -> None:
        """Prepare for a plan.

        Raises:
            EvaluationRefused: the plan is for other parameters than the engine's keys.
        """
        require_parameters(plan.parameters, engine.parameters)
        self._engine, self._plan, self._read = engine, plan, read
        self._images: tuple[int, list[Ciphertext]] = (-1, [])
        self._tile: tuple[tuple[int, bool], dict[int, list[Ciphertext]]] = ((-1, False), {})

    def part(self, index: int) -> bytes:
        """Compute one ciphertext of the plan: a file of two polynomials at level 1.

        Raises:
            EvaluationRefused: a column does not have the plan's blocks.
        """
        groups, size = self._plan.parts[index].groups, self._plan.group
        packed = pack(self._engine, lambda number: self._product(groups[number]), len(groups) * size, size)
        return self._engine.save(packed)

    def _product(self, group: Group) -> Ciphertext:
        """Return the packed products of a group, at level 1, of two polynomials: summed over blocks and images."""
        left, first = group
        scale = self._plan.input_scale**2 * self._plan.lift
        total: Ciphertext | None = None
        for image, value in zip(self._left(left), self._right(left, first), strict=True):
            total = self._engine.accumulate(total, self._engine.multiply(image, value, scale))
        return self._engine.relinearise(self._engine.rescale(total, self._plan.product_scale))

    def _left(self, column: int) -> list[Ciphertext]:
        """Return the images of every block of a lifted column, block by block."""
        if self._images[0] != column:
            lifted = self._lifted(column, self._plan.left_lift)
            found = [image for block in lifted for image in images(self._engine, block, self._plan.group)]
            self._images = (column, found)
        return self._images[1]

    def _right(self, left: int, first: int) -> list[Ciphertext]:
        """Return the values of a group of right-hand columns, block by block; a tile of groups is made at once."""
        conjugated = left < self._plan.n_features  # labels are uploaded conjugated, so what they meet is not
        start = first // self._plan.tile * self._plan.tile
        if self._tile[0] != (start, conjugated):
            self._tile = ((-1, False), {})  # the old one goes before the new one is made
            end = min(start + self._plan.tile, self._plan.n_features)
            firsts = range(start, end, self._plan.group)
            self._tile = ((start, conjugated), {each: self._group(each, conjugated) for each in firsts})
        return self._tile[1][first]

    def _group(self, first: int, conjugated: bool) -> list[Ciphertext]:
        columns = [
            self._lifted(column, self._plan.right_lift)
            for column in range(first, min(first + self._plan.group, self._plan.n_features))
        ]
        if conjugated:
            columns = [[self._engine.conjugate(block) for block in column] for column in columns]
        return [
            value for blocks in zip(*columns, strict=True) for value in grouped(self._engine, blocks, self._plan.group)
        ]

    def _lifted(self, column: int, lift: int) -> list[Ciphertext]:
        blocks = [self._engine.drop_to(self._engine.load(data), PRODUCT_LEVEL) for data in self._read(column)]
        if len(blocks) != self._plan.n_blocks:
            raise EvaluationRefused(f"a column has {self._plan.n_blocks} blocks, got {len(blocks)}")
        return [self._engine.multiply_integer(block, lift, self._plan.input_scale * lift) for block in blocks]
