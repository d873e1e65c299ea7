"""What is done with a noisy gradient: post-processing, which costs no privacy.

Rules kept here:

1. An optimiser sees noisy averages alone: (clipped sum + noise) / normaliser. It reads no record and no batch size.
2. Its settings come from the plan; the noise's variance, which DP-Adam subtracts, is the plan's too.
3. Its state is tensors by name, so that a checkpoint can hold it.

| kind | update |
|---|---|
| `dp_sgd` | b = momentum b + g; w = (1 - lr decay) w - lr b |
| `dp_adam`, `dp_adamw` | w = (1 - lr decay) w - lr m^ / sqrt(max(v^ - noise variance, floor)) |

Weight decay is decoupled in all of them (Loshchilov and Hutter 2019). The noise makes the second moment too large by
its own variance, so that DP-Adam without correction is DP-SGD with momentum (Tang, Shpilevskiy, Lecuyer 2023,
"DP-AdamBC", algorithm 1); the floor is one standard deviation of what noise alone makes of v^ after so many steps.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import torch

from secure_ds.training.dp.checkpoint import CheckpointRefused, shapes_of

if TYPE_CHECKING:
    from secure_ds.training.dp.plan import OptimiserSettings

_EPSILON: Final = 1e-8  # Adam's own; its square is the least floor


def learning_rate(settings: OptimiserSettings, step: int, steps: int) -> float:
    """Return the rate of a step, counted from 0: linear warm-up, then constant or half a cosine that ends at 0.

    Args:
        settings: rate, schedule and warm-up.
        step: at most `steps - 1`.
        steps: of the whole plan.
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    if settings.schedule == "constant":
        return settings.learning_rate
    progress = (step - settings.warmup_steps) / max(1, steps - settings.warmup_steps)
    return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2


class Optimiser(ABC):
    """Changes parameters in place, by noisy gradients of the same names."""

    _slots: tuple[str, ...]

    def __init__(self, settings: OptimiserSettings, steps: int, parameters: Mapping[str, torch.Tensor]) -> None:
        self._settings, self._steps, self._parameters = settings, steps, dict(parameters)
        self._state = {
            f"{slot}.{name}": torch.zeros_like(each, dtype=torch.float32)
            for slot in self._slots
            for name, each in self._parameters.items()
        }

    @torch.no_grad()
    def update(self, gradients: Mapping[str, torch.Tensor], step: int) -> None:
        """Apply the noisy average gradient of a step, counted from 0."""
        rate = learning_rate(self._settings, step, self._steps)
        weights = list(self._parameters.values())
        if self._settings.weight_decay:
            torch._foreach_mul_(weights, 1 - rate * self._settings.weight_decay)
        directions = self._directions([gradients[name] for name in self._parameters], step)
        torch._foreach_add_(weights, directions, alpha=-rate)

    @abstractmethod
    def _directions(self, gradients: list[torch.Tensor], step: int) -> list[torch.Tensor]:
        """Return what times the rate is subtracted from each parameter."""

    def _slot(self, slot: str) -> list[torch.Tensor]:
        return [self._state[f"{slot}.{name}"] for name in self._parameters]

    def state(self) -> dict[str, torch.Tensor]:
        """Return the state, the tensors themselves."""
        return dict(self._state)

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take over a stored state.

        Raises:
            CheckpointRefused: its names or shapes are not this optimiser's.
        """
        if shapes_of(state) != shapes_of(self._state):
            raise CheckpointRefused
        for name, each in self._state.items():
            each.copy_(state[name])


class DpSgd(Optimiser):
    """Momentum on noisy gradients."""

    _slots = ("momentum",)

    def _directions(self, gradients: list[torch.Tensor], step: int) -> list[torch.Tensor]:
        momenta = self._slot("momentum")
        torch._foreach_mul_(momenta, self._settings.momentum)
        torch._foreach_add_(momenta, gradients)
        return momenta


class DpAdam(Optimiser):
    """Adam whose second moment is freed of the noise's variance."""

    _slots = ("first", "second")

    def __init__(
        self,
        settings: OptimiserSettings,
        steps: int,
        parameters: Mapping[str, torch.Tensor],
        noise_standard_deviation: float,
    ) -> None:
        super().__init__(settings, steps, parameters)
        self._noise_variance = noise_standard_deviation**2

    def _directions(self, gradients: list[torch.Tensor], step: int) -> list[torch.Tensor]:
        beta1, beta2 = self._settings.beta1, self._settings.beta2
        first, second = self._slot("first"), self._slot("second")
        torch._foreach_lerp_(first, gradients, 1 - beta1)
        torch._foreach_mul_(second, beta2)
        torch._foreach_addcmul_(second, gradients, gradients, 1 - beta2)
        corrected = torch._foreach_div(second, 1 - beta2 ** (step + 1))
        torch._foreach_sub_(corrected, self._noise_variance)
        torch._foreach_clamp_min_(corrected, self._floor(step))
        torch._foreach_sqrt_(corrected)
        directions = torch._foreach_div(first, corrected)
        torch._foreach_div_(directions, 1 - beta1 ** (step + 1))
        return list(directions)

    def _floor(self, step: int) -> float:
        """One standard deviation of v^ where gradients are noise alone, at least Adam's epsilon squared."""
        beta2, t = self._settings.beta2, step + 1
        squared_weights = (1 - beta2) / (1 + beta2) * (1 - beta2 ** (2 * t)) / (1 - beta2**t) ** 2
        return max(self._noise_variance * math.sqrt(2 * squared_weights), _EPSILON**2)


def make_optimiser(
    settings: OptimiserSettings,
    steps: int,
    parameters: Mapping[str, torch.Tensor],
    noise_standard_deviation: float,
) -> Optimiser:
    """Return the optimiser that a plan names.

    Args:
        settings: kind and numbers.
        steps: of the whole plan.
        parameters: the trainable ones by name; changed in place.
        noise_standard_deviation: of a coordinate of the noisy average, after division by the normaliser.
    """
    if settings.kind == "dp_sgd":
        return DpSgd(settings, steps, parameters)
    return DpAdam(settings, steps, parameters, noise_standard_deviation)
