"""How far a run is: what follows from plan and clock alone.

Rule: nothing here depends on records or weights. The rate is of the *expected* batch, so how many units a step drew
does not show, and times are averages over the whole run.
"""

from __future__ import annotations

import time
from typing import Any, Final

from secure_ds.training.dp.plan import DpPlan

_SECONDS_BETWEEN: Final = 1.0


class ProgressMeter:
    """Says now and then where a run stands."""

    def __init__(self, plan: DpPlan, steps_done: int, device: str) -> None:
        self._plan, self._first, self._device = plan, steps_done, device
        self._started = self._told = time.monotonic()

    def after(self, step: int) -> dict[str, Any] | None:
        """Return what to tell after so many steps of the plan, if it is time; always after the last."""
        now = time.monotonic()
        if step < self._plan.steps and now - self._told < _SECONDS_BETWEEN:
            return None
        self._told = now
        records = (step - self._first) * self._plan.sampler.sampling_rate * self._plan.facts.n_units
        return {
            "step": step,
            "steps": self._plan.steps,
            "epsilon": self._plan.epsilon_so_far(step),
            "records_per_second": records / max(now - self._started, 1e-9),
            "device": self._device,
        }
