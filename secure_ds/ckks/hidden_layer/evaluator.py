"""One step of a one-hidden-layer network on ciphertexts: forward, residual, both gradients, packing.

Rules kept here:
  1. Columns are loaded once, at level 4 for the forward pass and at level 2 for the products.
  2. `step` is a pure function of columns, keys and integer weights: equal inputs give equal bytes, which is what
     recomputing a step by an auditor rests on.
  3. A place without a record has u = 0 and v = 0, hence g = 0, r = 0 and t = 0: the ragged last block needs no mask.
  4. One product is held at a time: numbers are packed as they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from secure_ds.ckks.circuit import PackedSums
from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.hidden_layer.layers import Layers, Residual, Unit
from secure_ds.ckks.hidden_layer.plan import HiddenCircuit
from secure_ds.ckks.hidden_layer.scales import INPUT_LEVEL, PRODUCT_LEVEL
from secure_ds.ckks.matrices import IntegerMatrix, check_integer_matrix
from secure_ds.ckks.packing import pack
from secure_ds.ckks.step_evaluator import require_all, require_count, require_parameters, require_room, timed


class HiddenLayerEvaluator:
    """Training steps over one data set's encrypted columns.

    Attributes:
        timings: seconds of the last step by phase: forward, residual, backward, gradient, serialise.
    """

    def __init__(self, engine: Engine, plan: HiddenCircuit) -> None:
        """Prepare for a plan.

        Raises:
            EvaluationRefused: the plan is for other parameters than the engine's keys.
        """
        require_parameters(plan.parameters, engine.parameters)
        self.timings: dict[str, float] = {}
        self._engine = engine
        self._plan = plan
        self._layers = Layers(engine, plan.scales)
        self._forward: list[list[Ciphertext]] = []  # [block][feature], level 4
        self._backward: list[list[Ciphertext]] = []  # [block][feature], level 2
        self._labels: list[list[Residual]] = []  # [block][output]

    def load_block(self, columns: Iterable[bytes], labels: Iterable[bytes]) -> None:
        """Load the next block.

        Args:
            columns: checked ciphertexts of the features, in order, without the slack; read one at a time.
            labels: checked ciphertexts of the label columns, in order of classes.

        Raises:
            EvaluationRefused: more blocks or another number of columns than planned.
        """
        engine, shape = self._engine, self._plan.shape
        require_room(self._plan.n_blocks, len(self._labels))
        forward = [engine.drop_to(engine.load(data), INPUT_LEVEL) for data in columns]
        lifted = [self._layers.label(engine.load(data)) for data in labels]
        require_count("feature columns", shape.n_features, len(forward))
        require_count("label columns", shape.n_labels, len(lifted))
        self._forward.append(forward)
        self._backward.append([engine.drop_to(column, PRODUCT_LEVEL) for column in forward])
        self._labels.append(lifted)

    def step(self, first: IntegerMatrix, second: IntegerMatrix | None) -> list[bytes]:
        """Compute the packed gradient sums at these weights.

        Args:
            first: integers of `matrices.quantise_filled` for W1: no row is all zeros.
            second: integers for W2, no column all zeros; None for W2 = 0, where the gradient for W1 is zero.

        Returns:
            Ciphertext files of two polynomials at level 0: for `plan.second_sums`, class by class, and but for W2 = 0
            for `plan.first_sums`, unit by unit.

        Raises:
            EvaluationRefused: blocks are missing or the weights do not fit the plan.
        """
        self._check(first, second)
        self.timings = {}
        blocks = [self._units(columns, first) for columns in self._forward]
        residuals = [self._residuals(units, second, labels) for units, labels in zip(blocks, self._labels, strict=True)]
        packed = list(self._second_gradient(blocks, residuals))
        if second is not None:
            packed += self._first_gradient(self._carried(blocks, residuals, second))
        with timed(self.timings, "serialise"):
            return [self._engine.save(ciphertext) for ciphertext in packed]

    def _check(self, first: IntegerMatrix, second: IntegerMatrix | None) -> None:
        plan, shape = self._plan, self._plan.shape
        require_all(plan.n_blocks, len(self._labels))
        radii = plan.cut_radii
        check_integer_matrix(first, shape.first, radii[0], plan.scales.first_weights)
        if second is not None:
            check_integer_matrix(second, shape.second, radii[1], plan.scales.second_weights)
        if not all(map(any, first)) or (second is not None and not all(map(any, zip(*second, strict=True)))):
            raise EvaluationRefused("no row of W1 and no column of W2 may be all zeros: quantise them filled")

    def _units(self, columns: Sequence[Ciphertext], first: IntegerMatrix) -> list[Unit]:
        with timed(self.timings, "forward"):
            return [self._layers.unit(columns, row) for row in first]

    def _residuals(
        self, units: Sequence[Unit], second: IntegerMatrix | None, labels: Sequence[Residual]
    ) -> list[Residual]:
        if second is None:
            return list(labels)
        with timed(self.timings, "residual"):
            return [self._layers.residual(units, row, label) for row, label in zip(second, labels, strict=True)]

    def _carried(
        self, blocks: list[list[Unit]], residuals: list[list[Residual]], second: IntegerMatrix
    ) -> list[list[Ciphertext]]:
        """Return t1 - J t2, [block][unit]."""
        columns = list(zip(*second, strict=True))
        with timed(self.timings, "backward"):
            return [
                [self._layers.backward(unit, outputs, column) for unit, column in zip(units, columns, strict=True)]
                for units, outputs in zip(blocks, residuals, strict=True)
            ]

    def _second_gradient(self, blocks: list[list[Unit]], residuals: list[list[Residual]]) -> Iterator[Ciphertext]:
        engine, scales = self._engine, self._plan.scales
        with timed(self.timings, "residual"):
            left = [[self._layers.lowered(output) for output in outputs] for outputs in residuals]
            right = [[engine.drop_to(unit.g, PRODUCT_LEVEL) for unit in units] for units in blocks]
        return self._packed(self._plan.second_sums, left, right, scales.residual * scales.g, scales.second_product)

    def _first_gradient(self, carried: list[list[Ciphertext]]) -> Iterator[Ciphertext]:
        scales = self._plan.scales
        return self._packed(
            self._plan.first_sums, carried, self._backward, scales.t * scales.inputs, scales.first_product
        )

    def _packed(
        self,
        parts: Sequence[PackedSums],
        left: list[list[Ciphertext]],
        right: list[list[Ciphertext]],
        scale: float,
        rescaled: float,
    ) -> Iterator[Ciphertext]:
        """Pack the slot sums of all products left[.][i] right[.][j], summed over blocks, i by i."""
        numbers, width = count(), len(right[0])

        def product(_: int) -> Ciphertext:
            row, column = divmod(next(numbers), width)
            return self._product([(a[row], b[column]) for a, b in zip(left, right, strict=True)], scale, rescaled)

        for part in parts:
            with timed(self.timings, "gradient"):
                packed = pack(self._engine, product, len(part.positions))
            yield self._engine.rescale(packed, part.scale)

    def _product(self, pairs: Sequence[tuple[Ciphertext, Ciphertext]], scale: float, rescaled: float) -> Ciphertext:
        """Return the sum of products, rescaled while it has three polynomials."""
        engine = self._engine
        total: Ciphertext | None = None
        for left, right in pairs:
            total = engine.accumulate(total, engine.multiply(left, right, scale))
        return engine.relinearise(engine.rescale(total, rescaled))
