"""One step of logistic regression on ciphertexts: forward, residual, products, packing, on one process or several.

Rules kept here:
  1. `step` is a pure function of columns, keys and integer weights: equal inputs give equal bytes, on any number of
     processes, which is what recomputing a step by an auditor rests on.
  2. Features are shared out in whole subtrees of the packing tree. Every share adds up its part of the weighted sums
     and packs its part of the gradient; residuals are shared out by block. All of it is exact modulo the primes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice, pairwise
from typing import Final

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.layers.residual import split
from secure_ds.ckks.logistic_process import RemoteShard
from secure_ds.ckks.logistic_shard import LogisticShard
from secure_ds.ckks.packing import group_size, pack
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.scales import TREE_LEVEL
from secure_ds.ckks.step_evaluator import require_all, require_parameters, require_room, timed
from secure_ds.ckks.weights import check_integer_weights
from secure_ds.core.resources import Resources

ONE: Final = Resources()
_SUBTREES_EACH: Final = 6  # of a process, at least: so that shares differ little
_TRACE, _GROUP_COST, _BLOCK_COST = 6, 4, 3


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
        self._size, (*others, own) = share_out(plan.n_features, plan.n_blocks, resources.processes if keys else 1)
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
        for shard in self._remote:
            shard.load_block(islice(remaining, len(shard.features)), label)
        self._own.load_block(islice(remaining, len(self._own.features)), label)
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
            residuals = self._residuals(sums)
        with timed(self.timings, "gradient"):
            packed = self._packed_gradient(residuals)
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
            totals = [self._added(*pair) for pair in zip(totals, shard.answer(), strict=True)]
        return totals

    def _added(self, total: Ciphertext | None, data: bytes) -> Ciphertext | None:
        return self._engine.accumulate(total, self._engine.load(data)) if data else total

    def _residuals(self, sums: list[Ciphertext | None]) -> list[Ciphertext]:
        """Compute residuals: whole blocks dealt out among the processes, or one half of each block to another one."""
        if 0 < len(sums) <= len(self._remote):
            return [self._by_halves(block, z) for block, z in enumerate(sums)]
        residuals: list[Ciphertext] = []
        for first in range(0, len(sums), len(self._remote) + 1):
            own, *others = range(first, min(first + len(self._remote) + 1, len(sums)))
            asked = self._remote[: len(others)]
            for shard, block in zip(asked, others, strict=True):
                z = sums[block]
                shard.ask_residual(block, None if z is None else self._engine.save(z))
            residuals.append(self._own.residual(own, sums[own]))
            residuals += [self._engine.load(shard.answer()[0]) for shard in asked]
        return residuals

    def _by_halves(self, block: int, z: Ciphertext | None) -> Ciphertext:
        if z is None:
            return self._own.joined(block, None)
        first, second = split(self._engine, z, self._plan.scales.half)
        self._remote[0].ask_cube(self._engine.save(second))
        own = self._own.cube(first)
        return self._own.joined(block, (own, self._engine.load(self._remote[0].answer()[0])))

    def _packed_gradient(self, residuals: list[Ciphertext]) -> Ciphertext:
        files = [self._engine.save(residual) for residual in residuals] if self._remote else []
        for shard in self._remote:
            shard.ask_subtrees(files, self._size)
        own = self._own.subtrees(residuals, self._size)
        values = [self._engine.load(data) for shard in self._remote for data in shard.answer()] + own
        packed = pack(self._engine, values.__getitem__, self._plan.n_features, self._size)
        if self._plan.answer_level == TREE_LEVEL:
            packed.scale = self._plan.answer_scale
            return packed
        return self._engine.rescale(packed, self._plan.answer_scale)


def share_out(n_features: int, n_blocks: int, processes: int) -> tuple[int, list[range]]:
    """Return the size of a subtree in features, and each process's features: whole subtrees, in order.

    The last process also packs the subtrees together, which costs an automorphism each and some more for the trace; its
    share is smaller by as much. Costs are in automorphisms of the tree: a group takes about 4 and 3 a block, with its
    part of the forward pass.

    Args:
        n_features: features in all.
        n_blocks: ciphertexts per feature.
        processes: at least one; no more are used than there are groups.
    """
    group = group_size(n_features)
    n_groups = -(-n_features // group)
    used = min(processes, n_groups)
    subtree = 1 << max(0, (n_groups // (used * _SUBTREES_EACH)).bit_length() - 1)  # in groups
    n_subtrees = -(-n_groups // subtree)
    packing = (n_subtrees + _TRACE) / (_GROUP_COST + _BLOCK_COST * n_blocks)  # in groups
    others = n_subtrees - max(1, round(((n_groups + packing) / used - packing) / subtree))
    bounds = [0] if used == 1 else [others * index // (used - 1) for index in range(used)]
    starts = [*(subtree * group * bound for bound in bounds), n_features]
    return subtree * group, [range(*pair) for pair in pairwise(starts)]
