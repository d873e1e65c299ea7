"""A share of a logistic step: some of the groups of features, all blocks, in one process.

Rules kept here:
  1. Columns are loaded once; each feature is kept at the top level for the forward pass, and in a combination with the
     others of its group at `PRODUCT_LEVEL` for products (`packing.grouped`), both within the memory allowed.
  2. What a share gives is exact arithmetic modulo the primes, so that shares of any size add up to the same bytes.
  3. The order of work holds one product at a time: groups are packed as they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from secure_ds.ckks.ciphertext_store import CiphertextStore
from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.linear import weighted_sum
from secure_ds.ckks.layers.products import sum_of_products
from secure_ds.ckks.layers.residual import first_cube, joined, residual, second_cube
from secure_ds.ckks.logistic_shares import whole_nodes
from secure_ds.ckks.packing import Node, group_size, grouped, images, node, of_groups
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.scales import PRODUCT_LEVEL
from secure_ds.core.resources import Resources


class LogisticShard:
    """Some features of every block.

    Attributes:
        features: which, whole groups of them.
        places: the largest nodes of the packing tree that lie within them.
    """

    def __init__(self, engine: Engine, plan: CircuitPlan, features: range, resources: Resources) -> None:
        """Prepare for a range of features."""
        self._engine, self._plan, self.features = engine, plan, features
        self.places = whole_nodes(features, plan.n_features)
        self._group = group_size(plan.n_features)
        self._store = CiphertextStore(engine, resources)
        self._forward: list[list[int]] = []  # [block][feature], top level
        self._groups: list[list[list[int]]] = []  # [block][group][combination], at the level of products
        self._labels: list[int] = []  # [block], one below the top

    @property
    def bytes_on_disk(self) -> int:
        """Bytes that found no place in memory."""
        return self._store.bytes_written

    def load_block(self, columns: Iterable[bytes], label: bytes) -> None:
        """Load the next block: the checked ciphertexts of this share's features, in order, and of the label."""
        forward: list[int] = []
        groups: list[list[int]] = []
        waiting: list[Ciphertext] = []
        for count, data in enumerate(columns, start=1):
            column = self._engine.load(data)
            forward.append(self._store.append(column))
            waiting.append(self._for_products(column))
            if len(waiting) == self._group or count == len(self.features):
                groups.append([self._store.append(part) for part in grouped(self._engine, waiting, self._group)])
                waiting = []
        if len(forward) != len(self.features):
            raise EvaluationRefused(f"a block has {self._plan.n_features} feature columns, got fewer")
        self._forward.append(forward)
        self._groups.append(groups)
        lowered = self._engine.drop_to(self._engine.load(label), self._plan.input_level - 1)
        self._labels.append(self._store.append(lowered))

    def weighted_sums(self, weights: Sequence[int]) -> list[Ciphertext | None]:
        """Return each block's sum over this share's features; None where all its weights are zero.

        Args:
            weights: the integers of this share's features.
        """
        return [self._weighted_sum(block, weights) for block in self._forward]

    def images(self, block: int, z: Ciphertext | None) -> list[Ciphertext]:
        """Return the images of a block's residual r1 - J r2, from its whole weighted sum."""
        found = residual(self._engine, z, self._store[self._labels[block]], self._plan.scales, self._plan.sigmoid)
        return images(self._engine, found, self._group)

    def first_cube(self, z: Ciphertext) -> Ciphertext:
        """Return the cube of the first half of a weighted sum, three polynomials."""
        return first_cube(self._engine, z, self._plan.scales, self._plan.sigmoid)

    def second_cube(self, z: Ciphertext) -> Ciphertext:
        """Return the cube of the second half."""
        return second_cube(self._engine, z, self._plan.scales, self._plan.sigmoid)

    def joined(self, block: int, cubes: tuple[Ciphertext, Ciphertext] | None) -> Ciphertext:
        """Return r1 - J r2 of a block from the cubes of both halves."""
        return joined(self._engine, cubes, self._store[self._labels[block]], self._plan.scales)

    def even_images(self, residual: Ciphertext) -> list[Ciphertext]:
        """Return every other image of a block's residual, from the first, the residual itself, on."""
        return images(self._engine, residual, self._group, reached=2)

    def odd_images(self, residual: Ciphertext) -> list[Ciphertext]:
        """Return the images between `even_images`, as many."""
        return images(self._engine, self._engine.automorphism(residual, 3), self._group, reached=2)

    def node(self, turned: Sequence[Ciphertext], place: Node) -> Ciphertext:
        """Return the packing tree's value at one of `places`.

        Args:
            turned: the images of the residuals of all blocks.
            place: which.
        """

        def product(group: int) -> Ciphertext:
            combinations = self._combinations(group - self.features.start // self._group)
            return self._product(turned, combinations)

        return node(self._engine, of_groups(product, self._group), place, self._plan.n_features)

    def close(self) -> None:
        """Let go of everything."""
        self._store.close()

    def _combinations(self, group: int) -> Iterator[Ciphertext]:
        for block in self._groups:
            for number in block[group]:
                yield self._store[number]

    def _product(self, turned: Sequence[Ciphertext], combinations: Iterable[Ciphertext]) -> Ciphertext:
        scales = self._plan.scales
        total = sum_of_products(self._engine, turned, combinations, scales.product)
        return self._engine.rescale(total, scales.packed)

    def _for_products(self, column: Ciphertext) -> Ciphertext:
        dropped, scales = self._engine.drop_to(column, PRODUCT_LEVEL), self._plan.scales
        return self._engine.multiply_integer(dropped, scales.lift, scales.columns)

    def _weighted_sum(self, columns: Sequence[int], weights: Sequence[int]) -> Ciphertext | None:
        if not any(weights):
            return None
        return weighted_sum(
            self._engine, (self._store[number] for number in columns), weights, self._plan.scales.forward
        )
