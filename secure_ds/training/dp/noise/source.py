"""Noise on sums, once a step: rounded to a grid, an integer drawn for each coordinate, added as integers.

Rules kept here:

1. What is released is a function of the integers round(sum / grid) + noise alone; turning them back into numbers is
   post-processing. So the low bits of a floating-point number tell nothing beyond them.
2. Nothing raises or branches on the sums. What is not a number counts as 0, what is beyond the grid's range as its end.
3. Every call draws anew.

**Why the plan's accounting holds.** Let s be the standard deviation asked for, d the number of coordinates, D the
sensitivity, z = s / D. The grid is s (1 + 2^-18) / 2^40.

- Rounding moves a coordinate by less than 5/8 of a grid step (1/2, and float64's own error below 2^50 steps), so
  neighbouring sums differ on the grid by at most D / grid + 5/4 sqrt(d). The noise is a relative 2^-18 wider than asked
  for. That covers both this, as long as z sqrt(d) <= 2^21, and the 10^-6 by which an engine's float32 may exceed D.
- A Gaussian rounded to integers is post-processing of the Gaussian mechanism, so what an accountant proves for that
  one, sampled and composed, holds for it. At x = t SIGMA its mass differs from the discrete Gaussian's by a relative
  (t^2 - 1) / (24 SIGMA^2) to first order; the latter's from what is drawn by 2^-180 (`gaussian`).
- So the chi-squared divergence of a coordinate's distribution from the rounded Gaussian is below 2^-167, and KL is at
  most that. Over N coordinates and steps, adaptively, KL adds up to N 2^-167, a total variation of at most
  sqrt(N) 2^-84 (Pinsker): 2^-60 for 10^10 coordinates and 10 000 steps. Delta grows by 1 + e^epsilon times that.

**Attacks.** Mironov 2012 and Jin et al. 2022 (arXiv 2112.05307) recover sums from the gaps in floating-point noise:
there are none on the grid. The latter also count the tries of a sampler: here tries are independent of what is
accepted, all coordinates are drawn before the sums are touched, and no time of a single step leaves the trainer, only
an average.
"""

from __future__ import annotations

import math
from typing import Final

import torch

from secure_ds.training.dp.noise.errors import InvalidNoise
from secure_ds.training.dp.noise.gaussian import DiscreteGaussian
from secure_ds.training.dp.noise.keystream import Keystream
from secure_ds.training.dp.noise.parts import in_parallel, part_size
from secure_ds.training.dp.noise.table import SIGMA

WIDENING: Final = 1 + 2.0**-18
_RANGE: Final = 2.0**61  # grid steps; with noise of at most 2^44 it stays within int64
_SMALLEST, _LARGEST = 1e-30, 1e30  # standard deviations: grid and result are then ordinary numbers


class NoiseSource:
    """The noise of one process in one run."""

    def __init__(self) -> None:
        self._keystream = Keystream()
        self._samplers: dict[torch.device, DiscreteGaussian] = {}

    def add_noise(self, sums: dict[str, torch.Tensor], standard_deviation: float) -> dict[str, torch.Tensor]:
        """Return the sums, each coordinate with independent noise N(0, standard_deviation^2) added.

        Args:
            sums: by name, floating point, all on one device; left as they are.
            standard_deviation: of the noise on each coordinate of the sums, public.

        Raises:
            InvalidNoise: the standard deviation is no number between 1e-30 and 1e30.
        """
        grid = grid_step(standard_deviation)
        noise = self._draw(sums)
        return {name: _noised(each, noise[name], grid) for name, each in sums.items()}

    def _draw(self, sums: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if not sums:
            return {}
        (device,) = {each.device for each in sums.values()}
        if device not in self._samplers:
            self._samplers[device] = DiscreteGaussian(self._keystream, device)
        sizes = [each.numel() for each in sums.values()]
        return dict(zip(sums, torch.split(self._samplers[device].draw(sum(sizes)), sizes), strict=True))


def grid_step(standard_deviation: float) -> float:
    """Return the distance of the grid's points, in units of the sums.

    Raises:
        InvalidNoise: the standard deviation is no number between 1e-30 and 1e30.
    """
    if not (math.isfinite(standard_deviation) and _SMALLEST <= standard_deviation <= _LARGEST):
        raise InvalidNoise(f"the standard deviation must be a number between 1e-30 and 1e30, got {standard_deviation}")
    return standard_deviation * WIDENING / SIGMA


def _noised(sums: torch.Tensor, noise: torch.Tensor, grid: float) -> torch.Tensor:
    result = torch.empty_like(sums, memory_format=torch.contiguous_format)
    size = part_size(sums.device)

    def add(numbers: torch.Tensor, drawn: torch.Tensor, out: torch.Tensor) -> None:
        steps = (numbers.double() / grid).nan_to_num_(0.0, _RANGE, -_RANGE).clamp_(-_RANGE, _RANGE).round_().long()
        out.copy_(steps.add_(drawn).double().mul_(grid))

    in_parallel(add, *(torch.split(each.reshape(-1), size) for each in (sums, noise, result)))
    return result
