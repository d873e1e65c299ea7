"""Data parallel under DP: several processes clip; one samples, adds noise and updates.

Rules kept here:

1. **Noise exactly once, by construction.** Sampling, noise, optimiser and checkpoints live in rank 0 alone, in the same
   `TrainingRun` as ever. The other ranks have no noise source and no records of their own; all they can do is clip.
2. Clipping before any reduction: what a rank contributes is the clipped sum over whole units, each unit on one rank, so
   the sensitivity of the total is that of one process. Totals are float64.
3. A rank that dies or does not answer loses the step, and with it the run (`RankLost`); nothing of it was released.
4. A batch is cut by place alone. A rank whose share is empty takes part all the same.

Each step, rank 0 broadcasts sizes and trainable weights and sends every rank its rows; the sums are reduced to rank 0.
They travel over gloo's sockets, in the clear: between processes of one machine, or machines whose network is trusted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any, ClassVar, Final, Self

import torch
import torch.distributed as dist
from safetensors.torch import load, save
from torch import nn

from secure_ds.models.build import build_model
from secure_ds.models.registry import config_from_json
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.checkpoint import on_cpu
from secure_ds.training.dp.engine import GradientEngine, make_engine
from secure_ds.training.dp.performance import Performance
from secure_ds.training.dp.plan import Clipping

PATIENCE: Final = timedelta(seconds=120)  # of one exchange: a step of the slowest rank
_STOP: Final = -1


class RankLost(RuntimeError):
    """A process of the run has ended or does not answer."""

    code: ClassVar[str] = "rank_lost"

    def __init__(self) -> None:
        super().__init__("a process of the distributed run was lost; the step is not released, and the run ends")


@dataclass(frozen=True)
class RankSetup:
    """What a process needs to clip: nothing secret.

    Attributes:
        config: JSON of the model's configuration.
        seed: of its initial weights, for those that are not trained.
        l2_norm_clip, clipping_kind: the plan's clipping.
        performance: for one process.
        rows_per_unit: of every batch.
        rendezvous: where the processes meet, a `file://` or `tcp://` address of torch.distributed.
        world: how many processes.
        rank: which one this is.
    """

    config: dict[str, Any]
    seed: int
    l2_norm_clip: float
    clipping_kind: str
    performance: dict[str, Any]
    rows_per_unit: int
    rendezvous: str
    world: int
    rank: int

    def to_json(self) -> dict[str, Any]:
        """Return the JSON value."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**value)


class DistributedEngine:
    """The engine of rank 0: its own share, and everybody else's. Close it."""

    def __init__(self, engine: GradientEngine, model: nn.Module, rendezvous: str, world: int) -> None:
        """Wait for the other ranks.

        Args:
            engine: of this process, over `model`.
            model: its trainable parameters are sent out before each step.
            rendezvous: see `RankSetup`.
            world: how many processes there are, this one included.

        Raises:
            RankLost: they did not come.
        """
        self._engine, self._model, self._world = engine, model, world
        self.device = engine.device
        _meet(rendezvous, world, rank=0)

    def clipped_sum(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the sum over all units of the batch, without noise, as every engine does.

        Raises:
            RankLost: a process died or does not answer.
        """
        shares = [batch.units(start, stop) for start, stop in _cuts(batch.n_units, self._world)]
        packed = [_packed(share) for share in shares[1:]]
        try:
            dist.broadcast(torch.tensor([len(each) for each in packed]), 0)
            dist.broadcast(_flat(_trainable(self._model).values()), 0)
            for rank, each in enumerate(packed, 1):
                dist.send(each, rank)
            sums = self._engine.clipped_sum(shares[0])
            total = _flat(each.double() for each in sums.values())
            dist.reduce(total, 0)
        except RuntimeError:
            raise RankLost from None
        parts = torch.split(total, [each.numel() for each in sums.values()])
        return {name: part.view(each.shape).to(each) for (name, each), part in zip(sums.items(), parts, strict=True)}

    def close(self) -> None:
        """Let the other ranks end."""
        try:
            dist.broadcast(torch.full((self._world - 1,), _STOP), 0)
        except RuntimeError:  # one is gone, which ends the others
            return
        finally:
            dist.destroy_process_group()


def serve_rank(setup: RankSetup) -> None:
    """The life of a rank that is not 0: clip what comes until told to stop, or until rank 0 is gone."""
    config = config_from_json(setup.config)
    model = build_model(config, setup.seed)
    clipping = Clipping(setup.l2_norm_clip, setup.clipping_kind)  # type: ignore[arg-type]
    performance = Performance(**setup.performance)
    engine = make_engine(performance.engine, model, config.task, clipping, performance)
    _meet(setup.rendezvous, setup.world, setup.rank)
    sizes = torch.empty(setup.world - 1, dtype=torch.int64)
    weights = _flat(_trainable(model).values())
    while True:
        dist.broadcast(sizes, 0)
        size = int(sizes[setup.rank - 1])
        if size == _STOP:
            dist.destroy_process_group()
            return
        dist.broadcast(weights, 0)
        _set_weights(model, weights)
        packed = torch.empty(size, dtype=torch.uint8)
        dist.recv(packed, 0)
        sums = engine.clipped_sum(_unpacked(packed, setup.rows_per_unit))
        dist.reduce(_flat(each.double() for each in sums.values()), 0)


def _meet(rendezvous: str, world: int, rank: int) -> None:
    try:
        dist.init_process_group("gloo", init_method=rendezvous, world_size=world, rank=rank, timeout=PATIENCE)
    except RuntimeError:
        raise RankLost from None


def _cuts(units: int, world: int) -> list[tuple[int, int]]:
    ends = [units * rank // world for rank in range(world + 1)]
    return list(pairwise(ends))


def _packed(batch: Batch) -> torch.Tensor:
    tensors = {"inputs": batch.inputs, "targets": batch.targets, "weights": batch.weights}
    return torch.frombuffer(bytearray(save(on_cpu(tensors))), dtype=torch.uint8)


def _unpacked(packed: torch.Tensor, rows_per_unit: int) -> Batch:
    return Batch(**load(packed.numpy().tobytes()), rows_per_unit=rows_per_unit)


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: each for name, each in model.named_parameters() if each.requires_grad}


def _flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    return torch.cat([each.detach().to("cpu").reshape(-1) for each in tensors])


@torch.no_grad()
def _set_weights(model: nn.Module, flat: torch.Tensor) -> None:
    parameters = list(_trainable(model).values())
    for parameter, part in zip(parameters, torch.split(flat, [each.numel() for each in parameters]), strict=True):
        parameter.copy_(part.view(parameter.shape))
