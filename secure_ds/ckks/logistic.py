"""One step of logistic regression on ciphertexts: forward, residual, products, packing.

Rules kept here:
  1. Columns are loaded once; each feature is kept at the top level for the forward pass, and in a combination with
     the others of its group at `PRODUCT_LEVEL` for products (`packing.grouped`).
  2. `step` is a pure function of columns, keys and integer weights: equal inputs give equal bytes, which is what
     recomputing a step by an auditor rests on.
  3. The order of work holds one product at a time: groups are packed as they are made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.linear import weighted_sum
from secure_ds.ckks.layers.products import sum_of_products
from secure_ds.ckks.layers.residual import residual
from secure_ds.ckks.packing import group_size, grouped, images, pack
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.scales import PRODUCT_LEVEL, TREE_LEVEL
from secure_ds.ckks.weights import check_integer_weights


class LogisticEvaluator:
    """Training steps over one data set's encrypted columns.

    Attributes:
        timings: seconds of the last step by phase: forward, residual, gradient, serialise.
    """

    def __init__(self, engine: Engine, plan: CircuitPlan) -> None:
        """Prepare for a plan.

        Raises:
            EvaluationRefused: the plan is for other parameters than the engine's keys.
        """
        if engine.parameters != plan.parameters:
            raise EvaluationRefused("plan and evaluation keys are for different parameters")
        self.timings: dict[str, float] = {}
        self._engine = engine
        self._plan = plan
        self._forward: list[list[Ciphertext]] = []  # [block][feature], top level
        self._group = group_size(plan.n_features)
        self._groups: list[list[list[Ciphertext]]] = []  # [block][group][combination], at the level of products
        self._labels: list[Ciphertext] = []  # [block], one below the top

    def load_block(self, columns: Iterable[bytes], label: bytes) -> None:
        """Load the next block.

        Args:
            columns: checked ciphertexts of the features, in order, without the slack; read one at a time.
            label: checked ciphertext of the label.

        Raises:
            EvaluationRefused: more blocks or another number of columns than planned.
        """
        if len(self._labels) == self._plan.n_blocks:
            raise EvaluationRefused(f"the plan has {self._plan.n_blocks} blocks, all are loaded")
        forward = [self._engine.load(data) for data in columns]
        if len(forward) != self._plan.n_features:
            raise EvaluationRefused(f"a block has {self._plan.n_features} feature columns, got {len(forward)}")
        self._forward.append(forward)
        self._groups.append([self._grouped(forward[first : first + self._group]) for first in self._firsts])
        self._labels.append(self._engine.drop_to(self._engine.load(label), self._plan.input_level - 1))

    def step(self, weights: Sequence[int]) -> bytes:
        """Compute the packed gradient sum at these weights.

        Args:
            weights: integers of `weights.quantise`, length n_features.

        Returns:
            A ciphertext file of two polynomials at the plan's answer level: `plan.positions` hold the sums times
            `plan.answer_scale`.

        Raises:
            EvaluationRefused: blocks are missing or the weights do not fit the plan.
        """
        check_integer_weights(weights, self._plan)
        if len(self._labels) != self._plan.n_blocks:
            raise EvaluationRefused(f"the plan has {self._plan.n_blocks} blocks, {len(self._labels)} are loaded")
        self.timings = {}
        with self._timed("forward"):
            sums = [self._weighted_sum(block, weights) for block in self._forward]
        with self._timed("residual"):
            residuals = [self._residual(z, label) for z, label in zip(sums, self._labels, strict=True)]
        with self._timed("gradient"):
            packed = self._packed_gradient(residuals)
        with self._timed("serialise"):
            return self._engine.save(packed)

    @property
    def _firsts(self) -> range:
        """First feature of each group."""
        return range(0, self._plan.n_features, self._group)

    def _grouped(self, columns: list[Ciphertext]) -> list[Ciphertext]:
        engine, scales = self._engine, self._plan.scales
        dropped = (engine.drop_to(column, PRODUCT_LEVEL) for column in columns)
        lifted = [engine.multiply_integer(column, scales.lift, scales.columns) for column in dropped]
        return grouped(engine, lifted, self._group)

    def _weighted_sum(self, columns: list[Ciphertext], weights: Sequence[int]) -> Ciphertext | None:
        if not any(weights):
            return None
        return weighted_sum(self._engine, columns, weights, self._plan.scales.forward)

    def _residual(self, z: Ciphertext | None, label: Ciphertext) -> Ciphertext:
        return residual(self._engine, z, label, self._plan.scales, self._plan.sigmoid)

    def _packed_gradient(self, residuals: list[Ciphertext]) -> Ciphertext:
        engine, scales = self._engine, self._plan.scales
        turned = [image for residual in residuals for image in images(engine, residual, self._group)]

        def product(group: int) -> Ciphertext:
            combinations = [combination for block in self._groups for combination in block[group]]
            return engine.rescale(sum_of_products(engine, turned, combinations, scales.product), scales.packed)

        packed = pack(engine, product, self._plan.n_features, self._group)
        if self._plan.answer_level == TREE_LEVEL:
            packed.scale = self._plan.answer_scale
            return packed
        return engine.rescale(packed, self._plan.answer_scale)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[phase] = time.perf_counter() - start
