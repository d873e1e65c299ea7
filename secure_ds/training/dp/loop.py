"""DP-SGD: sample units, clip and sum, add noise once, divide by a constant, update.

Rules kept here:

1. A step takes everything that matters from the plan, so mechanism and accounting cannot drift apart.
2. An empty batch is a step like any other. What a step does and releases branches on no record, gradient or number of
   units; an engine that finds a unit whose gradient is no number takes longer, which nobody outside sees.
3. The sum is divided by the plan's normaliser, a public constant, never by the size of the batch that came.
4. The clipped sum lives within `step` and is let go before it returns.
5. Noise and sampling have no state that could be stored: a run that goes on from a checkpoint draws both anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.checkpoint import Checkpoint, CheckpointRefused, shapes_of
from secure_ds.training.dp.optimisers import make_optimiser
from secure_ds.training.dp.unit_records import UnitRecords

if TYPE_CHECKING:
    from secure_ds.training.dp.plan import DpPlan


class ClipsAndSums(Protocol):
    """A gradient engine: `secure_ds.training.dp.engine` has them."""

    def clipped_sum(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the sum over units of clipped gradients, by name of the trainable parameter, without noise."""
        ...


class AddsNoise(Protocol):
    """`NoiseSource`, or the same for several processes together."""

    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        """Return the sums, of all processes, with noise added once."""
        ...


DrawUnits = Callable[[], npt.NDArray[np.int64]]


class PlanExhausted(RuntimeError):
    """More steps were asked for than the plan accounts for."""

    code = "plan_exhausted"


class TrainingRun:
    """One run of a plan, from a step of it to its last.

    Args:
        plan: what to do.
        model: its trainable parameters are changed in place.
        engine: clips and sums over this very model.
        records: by unit.
        noise: fresh for this run.
        draw: samples the units of a step, as the plan's sampler says.
        checkpoint: where to go on from; absent for a run from the first step.

    Raises:
        CheckpointRefused: the checkpoint has other tensors than model and optimiser.
    """

    def __init__(
        self,
        plan: DpPlan,
        model: nn.Module,
        engine: ClipsAndSums,
        records: UnitRecords,
        noise: AddsNoise,
        draw: DrawUnits,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._plan, self._engine, self._records, self._noise, self._draw = plan, engine, records, noise, draw
        self._standard_deviation = plan.noise_multiplier * plan.clipping.l2_norm_clip
        self.model = model
        self.optimiser = make_optimiser(
            plan.optimiser,
            plan.steps,
            {name: each for name, each in model.named_parameters() if each.requires_grad},
            self._standard_deviation / plan.normaliser,
        )
        self.steps_done = 0
        if checkpoint is not None:
            self._go_on_from(checkpoint)

    def checkpoint(self) -> Checkpoint:
        """Return where the run stands; the tensors are its own, to be sealed before the next step."""
        return Checkpoint(self.steps_done, dict(self.model.named_parameters()), self.optimiser.state())

    def _go_on_from(self, checkpoint: Checkpoint) -> None:
        parameters = dict(self.model.named_parameters())
        if checkpoint.steps_done > self._plan.steps or shapes_of(checkpoint.model) != shapes_of(parameters):
            raise CheckpointRefused
        with torch.no_grad():
            for name, each in parameters.items():
                each.copy_(checkpoint.model[name])
        self.optimiser.load_state(checkpoint.optimiser)
        self.steps_done = checkpoint.steps_done

    def step(self) -> None:
        """Carry out one step.

        Raises:
            PlanExhausted: all steps of the plan are done.
        """
        if self.steps_done >= self._plan.steps:
            raise PlanExhausted(f"the plan has {self._plan.steps} steps, and all are done")
        batch = self._records.batch(self._draw())
        noisy = self._noise.add_noise(self._engine.clipped_sum(batch), self._standard_deviation)
        del batch  # sensitive
        gradients = {name: each / self._plan.normaliser for name, each in noisy.items()}
        self.optimiser.update(gradients, self.steps_done)
        self.steps_done += 1
