"""One step of softmax regression on ciphertexts: forward, residual, products, packing.

Rules kept here:
  1. Columns are loaded once, at the one level that forward pass and products share: each as it is for the forward
     pass, and in a combination with the others of its group for products (`packing.grouped`).
  2. `step` is a pure function of columns, keys and integer weights: equal inputs give equal bytes, which is what
     recomputing a step by an auditor rests on.
  3. Two records per slot: z1 + J z2 becomes (r1 - J r2) by one conjugation, for the residual is linear. A place without
     a record has residual 0, so the ragged last block needs no mask.
  4. The weighted sums of five classes and more are one exact matrix product modulo the primes, with the same bytes.
  5. One product is held at a time: numbers are packed as they are made, class by class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.layers.linear import weighted_sum
from secure_ds.ckks.layers.modular_product import ModularColumns
from secure_ds.ckks.matrices import PRODUCT_FROM_ROWS, IntegerMatrix, check_integer_matrix
from secure_ds.ckks.packing import grouped, images, pack
from secure_ds.ckks.softmax.plan import SoftmaxCircuit
from secure_ds.ckks.softmax.scales import LEVEL
from secure_ds.ckks.step_evaluator import require_all, require_count, require_parameters, require_room, timed

WeightedSums = Callable[[IntegerMatrix, float], list[Ciphertext]]
"""From rows of weights, none all zeros, and a scale, to the sums."""


class SoftmaxEvaluator:
    """Training steps over one data set's encrypted columns.

    Attributes:
        timings: seconds of the last step by phase: forward, residual, gradient, serialise.
    """

    def __init__(self, engine: Engine, plan: SoftmaxCircuit) -> None:
        """Prepare for a plan.

        Raises:
            EvaluationRefused: the plan is for other parameters than the engine's keys.
        """
        require_parameters(plan.parameters, engine.parameters)
        self.timings: dict[str, float] = {}
        self._engine = engine
        self._plan = plan
        self._sums: list[WeightedSums] = []  # [block], of all features
        self._groups: list[list[list[Ciphertext]]] = []  # [block][group][combination]
        self._labels: list[list[Ciphertext]] = []  # [block][class], at the residual's scale and sign

    def load_block(self, columns: Iterable[bytes], labels: Iterable[bytes]) -> None:
        """Load the next block.

        Args:
            columns: checked ciphertexts of the features, in order, without the slack; read one at a time.
            labels: checked ciphertexts of the label columns, in order of classes.

        Raises:
            EvaluationRefused: more blocks or another number of columns than planned.
        """
        require_room(self._plan.n_blocks, len(self._labels))
        features = [self._load(data) for data in columns]
        lift = -self._plan.n_classes * self._plan.scales.weights
        lifted = [self._engine.multiply_integer(self._load(data), lift, self._plan.scales.residual) for data in labels]
        require_count("feature columns", self._plan.n_features, len(features))
        require_count("label columns", self._plan.n_classes, len(lifted))
        self._sums.append(self._summed(features))
        firsts = range(0, self._plan.n_features, self._plan.group)
        self._groups.append([self._grouped(features[first : first + self._plan.group]) for first in firsts])
        self._labels.append(lifted)

    def step(self, weights: IntegerMatrix) -> list[bytes]:
        """Compute the packed gradient sums at these weights.

        Args:
            weights: integers of `matrices.quantise_matrix`, a row of n_features for each class.

        Returns:
            Ciphertext files of two polynomials at the plan's answer level, one for each entry of `plan.sums`: the sums,
            class by class.

        Raises:
            EvaluationRefused: blocks are missing or the weights do not fit the plan.
        """
        plan = self._plan
        check_integer_matrix(weights, (plan.n_classes, plan.n_features), plan.radius, plan.scales.weights)
        require_all(plan.n_blocks, len(self._labels))
        self.timings = {"forward": 0.0, "residual": 0.0}
        residuals = [self._residuals(block, weights) for block in range(plan.n_blocks)]
        with timed(self.timings, "gradient"):
            packed = list(self._packed_gradient(residuals))
        with timed(self.timings, "serialise"):
            return [self._engine.save(ciphertext) for ciphertext in packed]

    def _load(self, data: bytes) -> Ciphertext:
        return self._engine.drop_to(self._engine.load(data), LEVEL)

    def _grouped(self, columns: Sequence[Ciphertext]) -> list[Ciphertext]:
        engine, scales = self._engine, self._plan.scales
        lifted = [engine.multiply_integer(column, scales.lift, scales.columns) for column in columns]
        return grouped(engine, lifted, self._plan.group)

    def _residuals(self, block: int, weights: IntegerMatrix) -> list[Ciphertext]:
        """Return r1 - J r2 for every class."""
        with timed(self.timings, "forward"):
            given = [row for row in weights if any(row)]
            found = iter(self._sums[block](given, self._plan.scales.forward) if given else ())
            sums = [next(found) if any(row) else None for row in weights]
        with timed(self.timings, "residual"):
            return [self._residual(z, label) for z, label in zip(sums, self._labels[block], strict=True)]

    def _summed(self, columns: Sequence[Ciphertext]) -> WeightedSums:
        """Return what makes weighted sums of these columns, by the way that takes less time."""
        if self._plan.n_classes >= PRODUCT_FROM_ROWS:
            return ModularColumns(self._engine, columns, LEVEL).weighted_sums
        engine = self._engine
        return lambda rows, scale: [weighted_sum(engine, columns, row, scale) for row in rows]

    def _residual(self, z: Ciphertext | None, lifted_label: Ciphertext) -> Ciphertext:
        if z is None:
            return lifted_label
        conjugate = self._engine.conjugate(z)
        conjugate.scale = self._plan.scales.residual  # reads a z instead of z
        return self._engine.add(conjugate, lifted_label)

    def _packed_gradient(self, residuals: list[list[Ciphertext]]) -> Iterator[Ciphertext]:
        groups, group = self._group_values(residuals), self._plan.group
        rows = self._plan.n_classes * len(self._groups[0]) * group  # inputs, absent ones that fill up groups included
        for part, first in zip(self._plan.sums, range(0, rows, self._engine.degree), strict=True):
            count = min(self._engine.degree, rows - first)
            packed = pack(self._engine, lambda _: next(groups), count, group)
            if self._plan.answer_level:
                packed.scale = part.scale
                yield packed
            else:
                yield self._engine.rescale(packed, part.scale)

    def _group_values(self, residuals: list[list[Ciphertext]]) -> Iterator[Ciphertext]:
        """Yield the packed subtree of every group of features, class by class."""
        for of_class in range(self._plan.n_classes):
            turned = [images(self._engine, block[of_class], self._plan.group) for block in residuals]
            for index in range(len(self._groups[0])):
                yield self._sum_of_products(turned, [block[index] for block in self._groups])

    def _sum_of_products(self, turned: list[list[Ciphertext]], combined: list[list[Ciphertext]]) -> Ciphertext:
        """Return the sum over blocks of images times combinations, rescaled while it has three polynomials."""
        engine, scales = self._engine, self._plan.scales
        total: Ciphertext | None = None
        for left, right in zip(turned, combined, strict=True):
            for image, combination in zip(left, right, strict=True):
                total = engine.accumulate(total, engine.multiply(image, combination, scales.residual * scales.columns))
        return engine.relinearise(engine.rescale(total, scales.product))
