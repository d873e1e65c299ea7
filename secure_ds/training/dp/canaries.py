"""Canaries of a run: units that were added for the auditor, and what he sees of them.

Rules kept here:

1. A canary is a privacy unit beside the records: numbered after them, drawn by the run's own sampler, clipped by the
   run's own engine, noised with all others. So the run without the audit differs by n alone, which is public, and what
   holds for a record holds for a canary. Out means zeroed: the neighbour that the plan protects against.
2. Each is in by a coin of its own, the operating system's. Coins and scores are secrets of the trainer and of its
   sealed checkpoints.
3. The auditor sees what the plan's accounting lets everybody see: every noised sum, and, as he may know all records,
   how much of it is theirs. He never looks at which units were drawn.

A canary's gradient is far longer than the clipping bound and points along one coordinate of the model, a different one
for each canary ("Dirac canary": Nasr et al. 2023, "Tight auditing", section 4.1; Steinke, Nasr, Jagielski 2023, section
6), spread evenly. It comes from a probe: a table with one number for each canary, whose gradients the run's kind of
engine computes and clips by the same factors as the records'; a wrong norm in one of the model's own layers is not
seen by it. Its clipped sum is then added at those coordinates.

Score of a canary: its log likelihood ratio under the plan, sum_t log(1 - q + q exp((2 x_t - 1) / (2 z^2))), where x_t
is the noised sum at its coordinate without the records' part, in units of the clipping bound, q the sampling rate, z
the noise multiplier.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from secure_ds.privacy.canary_audit import AuditResult, conclude
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.checkpoint import CheckpointRefused
from secure_ds.training.dp.engine.clipping import GAMMA
from secure_ds.training.dp.loop import AddsNoise, ClipsAndSums, DrawUnits
from secure_ds.training.dp.plan import DpPlan

_LENGTH: Final = 1e3  # of a canary's gradient, in clipping bounds

Coins = npt.NDArray[np.bool_]


class TooManyCanaries(ValueError):
    """The model has fewer numbers than there are canaries."""

    code = "too_many_canaries"


class CanaryProbe(nn.Module):
    """One number for each canary; the gradient of a canary's loss is `length` at its own number and 0 elsewhere.

    The number becomes two logits, a frozen multiple of it and its negative: at 0 the cross entropy's slope is known.
    """

    def __init__(self, canaries: int, length: float) -> None:
        super().__init__()
        self.table = nn.Embedding(canaries, 1)
        nn.init.zeros_(self.table.weight)
        self.logits = nn.Linear(1, 2, bias=False)
        self.logits.weight.requires_grad_(False).copy_(torch.tensor([[-length], [length]]))

    def forward(self, ids_R: torch.Tensor) -> torch.Tensor:
        """Return logits, (rows, 2)."""
        logits_R2: torch.Tensor = self.logits(self.table(ids_R))
        return logits_R2


class CanaryAudit:
    """Stands in for a run's engine, noise and sampler, uses the real ones, and keeps the scores.

    Build the run as `TrainingRun(plan, model, audit, records, audit, audit.draw)`; the records have `first_unit` units.
    """

    def __init__(
        self,
        plan: DpPlan,
        trainable: Mapping[str, torch.Tensor],
        engine: ClipsAndSums,
        probe_engine: Callable[[nn.Module], ClipsAndSums],
        noise: AddsNoise,
        draw: DrawUnits,
        first_unit: int,
        included: Coins,
    ) -> None:
        """Place the canaries.

        Args:
            plan: of the run, over records and canaries.
            trainable: the model's trainable parameters by name.
            engine: of the run.
            probe_engine: makes an engine of the same kind, clipping and speed for the probe, with task `classify`.
            noise: of the run.
            draw: of the run, over records and canaries.
            first_unit: number of the first canary: how many units the records have.
            included: (canaries,) the coins, see `flip_coins`.

        Raises:
            TooManyCanaries: the model has fewer numbers.
        """
        self._plan, self._engine, self._noise, self._draw = plan, engine, noise, draw
        self._first_unit, self.included = first_unit, included
        self._places = _places({name: each.numel() for name, each in trainable.items()}, len(included))
        self._probe = probe_engine(CanaryProbe(len(included), _LENGTH * (plan.clipping.l2_norm_clip + GAMMA)))
        self.scores = np.zeros(len(included))
        self._drawn = np.zeros(0, dtype=np.int64)
        self._of_records = np.zeros(len(included))

    def draw(self) -> npt.NDArray[np.int64]:
        """Draw the units of a step as the run would, keep the canaries among them that are in, return the records."""
        units = self._draw()
        canaries = units[units >= self._first_unit] - self._first_unit
        self._drawn = canaries[self.included[canaries]]
        return units[units < self._first_unit]

    def clipped_sum(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the engine's clipped sum with the canaries' added."""
        sums = self._engine.clipped_sum(batch)
        self._of_records = self._read(sums)
        ids = torch.from_numpy(self._drawn)
        (clipped,) = self._probe.clipped_sum(Batch(ids, torch.zeros_like(ids), torch.ones(len(ids)))).values()
        for name, (canaries, coordinates) in self._places.items():
            part = clipped.flatten()[canaries].to(sums[name])
            sums[name].view(-1)[coordinates] += part
        return sums

    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        """Return the noised sums, and score the canaries by them."""
        noisy = self._noise.add_noise(sums, standard_deviation)
        clip, z, q = self._plan.clipping.l2_norm_clip, self._plan.noise_multiplier, self._plan.sampler.sampling_rate
        x = (self._read(noisy) - self._of_records) / clip
        with np.errstate(divide="ignore"):  # a rate of 1: never out of the sample
            self.scores += np.logaddexp(np.log1p(-q), np.log(q) + (2 * x - 1) / (2 * z**2))
        return noisy

    def state(self) -> dict[str, torch.Tensor]:
        """Return coins and scores for a sealed checkpoint: which canaries are in does not change within a job."""
        return {"included": torch.from_numpy(self.included), "scores": torch.from_numpy(self.scores)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on with the coins and scores of a checkpoint.

        Raises:
            CheckpointRefused: it is of another number of canaries.
        """
        included, scores = state["included"].numpy(), state["scores"].numpy()
        if included.shape != self.included.shape or scores.shape != self.scores.shape:
            raise CheckpointRefused
        self.included, self.scores = included.astype(np.bool_), scores.astype(np.float64)

    def result(self) -> AuditResult:
        """Guess, and bound epsilon from below at the plan's delta; to be called once, when the last step is done."""
        return conclude(self._plan.event, self._plan.request.delta, self.scores, self.included)

    def _read(self, sums: Mapping[str, torch.Tensor]) -> npt.NDArray[np.float64]:
        values = np.zeros(len(self.included))
        for name, (canaries, coordinates) in self._places.items():
            values[canaries] = sums[name].reshape(-1)[coordinates].double().cpu().numpy()
        return values


def flip_coins(canaries: int) -> Coins:
    """Return (canaries,) fair coins of the operating system."""
    packed = np.frombuffer(secrets.token_bytes(-(-canaries // 8)), dtype=np.uint8)
    return np.unpackbits(packed)[:canaries].astype(np.bool_)


def _places(sizes: Mapping[str, int], canaries: int) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Spread the canaries over all coordinates: for each parameter, which canaries it holds and where."""
    total = sum(sizes.values())
    if canaries > total:
        raise TooManyCanaries(f"the model has {total} trainable numbers, so at most as many canaries; got {canaries}")
    spread = torch.arange(canaries) * total // canaries
    places, start = {}, 0
    for name, size in sizes.items():
        held = torch.nonzero((spread >= start) & (spread < start + size)).flatten()
        if len(held):
            places[name] = held, spread[held] - start
        start += size
    return places
