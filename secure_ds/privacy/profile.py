"""The whole privacy profile of a plan: many pairs (epsilon, delta) that hold at once.

Rules kept here: every delta is the upper bound of a pessimistic PLD, so a test against the profile never counts a
rounding as a leak; neighbours are zero-out one unit, whose bounds are those of add and remove.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np
from dp_accounting.pld import PLDAccountant

from secure_ds.privacy.sampled import RELATION, SampledGaussian

_POINTS: Final = 101
_INTERVAL: Final = 1e-3  # of discretised privacy losses, rounded pessimistically
_LEAST_DELTA: Final = 1e-9


@lru_cache(maxsize=64)
def privacy_profile(event: SampledGaussian, noise_scale: float = 1.0) -> tuple[tuple[float, float], ...]:
    """Return pairs (epsilon, delta), epsilon evenly spaced and on both sides of 0, that all hold for the event.

    Args:
        event: of the plan.
        noise_scale: multiplies the plan's noise: 1 is the plan, 0.5 a plan with half the noise.
    """
    accountant = _accountant(replace(event, noise_multiplier=event.noise_multiplier * noise_scale))
    farthest = float(accountant.get_epsilon(_LEAST_DELTA))
    epsilons = np.linspace(-farthest, farthest, _POINTS)
    return tuple((float(epsilon), min(1.0, float(accountant.get_delta(epsilon)))) for epsilon in epsilons)


def profile_epsilon(event: SampledGaussian, delta: float, noise_scale: float = 1.0) -> float:
    """Return the epsilon at `delta` of the event with its noise multiplied by `noise_scale`."""
    scaled = replace(event, noise_multiplier=event.noise_multiplier * noise_scale)
    return float(_accountant(scaled).get_epsilon(delta))


def _accountant(event: SampledGaussian) -> PLDAccountant:
    accountant = PLDAccountant(RELATION, value_discretization_interval=_INTERVAL)
    accountant.compose(event.step, event.steps)
    return accountant
