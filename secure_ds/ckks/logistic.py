"""One step of logistic regression on ciphertexts: forward, residual, products, packing, on one process or several.

Rules kept here:
  1. `step` is a pure function of columns, keys and integer weights: equal inputs give equal bytes, on any number of
     processes, which is what recomputing a step by an auditor rests on.
  2. Features are shared out in whole groups. Every share adds up its part of the weighted sums and makes the nodes of
     the packing tree within it; residuals and their images are shared out by block, or by halves of one. Sums are exact
     modulo the primes, and every key switching has the same operands, wherever it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.logistic_process import RemoteShard
from secure_ds.ckks.logistic_shard import LogisticShard
from secure_ds.ckks.logistic_shares import share_out
from secure_ds.ckks.memory_io import MemoryFile
from secure_ds.ckks.packing import Node, pack_nodes
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.scales import TREE_LEVEL
from secure_ds.ckks.step_evaluator import require_all, require_parameters, require_room, timed
from secure_ds.ckks.weights import check_integer_weights
from secure_ds.core.resources import Resources

ONE: Final = Resources()


class LogisticEvaluator:
    """Training steps over one data set's encrypted columns.

    Attributes:
        timings: seconds of the last step by phase: forward, residual, gradient, serialise.
    """

    def __init__(
        self, engine: Engine, plan: CircuitPlan, resources: Resources = ONE, keys: Mapping[str, bytes] | None = None
    ) -> None:
        """Prepare for a plan; starts the other processes.

        Args:
            engine: arithmetic with the data set's evaluation keys.
            plan: the plan.
            resources: processes and memory.
            keys: the evaluation keys for the other processes, each file under its name; without them there are none.

        Raises:
            EvaluationRefused: the plan is for other parameters than the engine's keys.
        """
        require_parameters(plan.parameters, engine.parameters)
        self.timings: dict[str, float] = {}
        self._plan = plan
        self._loaded = 0
        self._engine = engine
        own, *others = share_out(plan.n_features, plan.n_blocks, resources.processes if keys else 1)
        each = Resources(len(others) + 1, resources.memory, resources.directory).share()
        self._remote = [RemoteShard(keys or {}, plan, features, each) for features in others]
        self._own = LogisticShard(engine, plan, own, each)

    def load_block(self, columns: Iterable[bytes], label: bytes) -> None:
        """Load the next block.

        Args:
            columns: checked ciphertexts of the features, in order, without the slack; read one at a time.
            label: checked ciphertext of the label.

        Raises:
            EvaluationRefused: more blocks or another number of columns than planned.
        """
        require_room(self._plan.n_blocks, self._loaded)
        remaining = iter(columns)
        self._own.load_block(islice(remaining, len(self._own.features)), label)
        for shard in self._remote:
            shard.load_block(islice(remaining, len(shard.features)), label)
        if next(remaining, None) is not None:
            raise EvaluationRefused(f"a block has {self._plan.n_features} feature columns, got more")
        self._loaded += 1

    def step(self, weights: Sequence[int]) -> bytes:
        """Compute the packed gradient sum at these weights.

        Args:
            weights: integers of `weights.quantise`, length n_features.

        Returns:
            A ciphertext file of two polynomials at the plan's answer level: `plan.positions` hold the sums times
            `plan.answer_scale`.

        Raises:
            EvaluationRefused: blocks are missing or the weights do not fit the plan.
            EvaluationProcessFailed: one of the processes is gone.
        """
        check_integer_weights(weights, self._plan)
        require_all(self._plan.n_blocks, self._loaded)
        self.timings = {}
        with timed(self.timings, "forward"):
            sums = self._weighted_sums(weights)
        with timed(self.timings, "residual"):
            images = self._images(sums)
        with timed(self.timings, "gradient"):
            packed = self._packed_gradient(images)
        with timed(self.timings, "serialise"):
            return self._engine.save(packed)

    def close(self) -> None:
        """End the other processes and let go of everything."""
        self._own.close()
        for shard in self._remote:
            shard.close()

    def _weighted_sums(self, weights: Sequence[int]) -> list[Ciphertext | None]:
        for shard in self._remote:
            shard.ask_weighted_sums([weights[feature] for feature in shard.features])
        totals = self._own.weighted_sums([weights[feature] for feature in self._own.features])
        for shard in self._remote:
            totals = [self._added(*pair) for pair in zip(totals, shard.weighted_sums(), strict=True)]
        return totals

    def _added(self, total: Ciphertext | None, file: MemoryFile | None) -> Ciphertext | None:
        return total if file is None else self._engine.accumulate(total, self._engine.take_in(file))

    def _images(self, sums: list[Ciphertext | None]) -> list[Ciphertext]:
        """Return the residuals' images, which all others hold then as well.

        Whole blocks are dealt out, or one half of each block's work to one other process.
        """
        if len(sums) <= len(self._remote):
            return [image for block, z in enumerate(sums) for image in self._by_halves(block, z)]
        found: list[Ciphertext] = []
        for first in range(0, len(sums), len(self._remote) + 1):
            own, *others = range(first, min(first + len(self._remote) + 1, len(sums)))
            asked = self._remote[: len(others)]
            for shard, block in zip(asked, others, strict=True):
                z = sums[block]
                shard.ask_images(block, None if z is None else self._engine.hand_out(z))
            images = self._own.images(own, sums[own])
            files = self._handed_out(images)
            answers = [file for shard in asked for file in shard.answer()]
            self._hold(files + answers)
            found += images + [self._engine.take_in(file) for file in answers]
        return found

    def _by_halves(self, block: int, z: Ciphertext | None) -> list[Ciphertext]:
        other = self._remote[0]
        residual = self._own.joined(block, None if z is None else self._cubes(z))
        other.ask_odd_images(self._engine.hand_out(residual))
        even = self._own.even_images(residual)
        even_files, odd_files = self._handed_out(even), other.answer()
        self._hold([file for pair in zip(even_files, odd_files, strict=True) for file in pair])
        odd = [self._engine.take_in(file) for file in odd_files]
        return [image for pair in zip(even, odd, strict=True) for image in pair]

    def _cubes(self, z: Ciphertext) -> tuple[Ciphertext, Ciphertext]:
        self._remote[0].ask_second_cube(self._engine.hand_out(z))
        first = self._own.first_cube(z)
        return first, self._engine.take_in(self._remote[0].answer()[0])

    def _handed_out(self, images: list[Ciphertext]) -> list[MemoryFile]:
        return [self._engine.hand_out(image) for image in images] if self._remote else []

    def _hold(self, images: list[MemoryFile]) -> None:
        for shard in self._remote:
            shard.hold(images)

    def _packed_gradient(self, turned: list[Ciphertext]) -> Ciphertext:
        for shard in self._remote:
            shard.ask_nodes()
        own = {place: self._own.node(turned, place) for place in self._own.places}
        others = {place: shard for shard in self._remote for place in shard.places}

        def known(place: Node) -> Ciphertext | None:
            if place in others:
                return self._engine.take_in(others[place].answer()[0])
            return own.get(place)

        packed = pack_nodes(self._engine, known, self._plan.n_features)
        if self._plan.answer_level == TREE_LEVEL:
            packed.scale = self._plan.answer_scale
            return packed
        return self._engine.rescale(packed, self._plan.answer_scale)
