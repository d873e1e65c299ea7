"""The event that accounts for DP-SGD: Gaussian releases of sums over units that were sampled at random.

Neighbours are *zero-out one privacy unit*: its rows are replaced by rows of weight zero and the number of units is
public (`REPLACE_SPECIAL` in dp-accounting). The sensitivity of a clipped sum is then the clipping norm, as with adding
or removing a unit, and the number of units may appear anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Final, Self

import dp_accounting

from secure_ds.privacy.errors import InvalidPrivacyParameter

NEIGHBOURS: Final = "zero-out one privacy unit"
RELATION: Final = dp_accounting.NeighboringRelation.REPLACE_SPECIAL

_POISSON: Final = "poisson_sampled_gaussian"
_TRUNCATED: Final = "truncated_poisson_sampled_gaussian"


@dataclass(frozen=True, slots=True)
class SampledGaussian:
    """`steps` sums over independently sampled units, each with Gaussian noise.

    Attributes:
        noise_multiplier: deviation of the noise over the sensitivity of the sum.
        sampling_rate: probability in (0, 1] with which each unit is in a step.
        steps: how many sums are released.
        truncated: (number of units, most units of a step) where larger samples are cut at random; else None.
    """

    noise_multiplier: float
    sampling_rate: float
    steps: int
    truncated: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        noise_counts = self.noise_multiplier > 0 and isfinite(self.noise_multiplier)
        if not noise_counts or not 0 < self.sampling_rate <= 1 or self.steps < 1:
            raise InvalidPrivacyParameter(
                "an event needs a finite noise_multiplier above 0, sampling_rate in (0, 1] and at least one step"
            )
        if self.truncated is not None and min(self.truncated) < 1:
            raise InvalidPrivacyParameter(f"numbers of units must be positive, got {self.truncated}")

    @property
    def step(self) -> Any:
        """One step, as dp-accounting has it."""
        gaussian = dp_accounting.GaussianDpEvent(self.noise_multiplier)
        if self.truncated is not None:
            units, most = self.truncated
            return dp_accounting.TruncatedSubsampledGaussianDpEvent(
                units, self.sampling_rate, most, self.noise_multiplier
            )
        return (
            gaussian if self.sampling_rate == 1 else dp_accounting.PoissonSampledDpEvent(self.sampling_rate, gaussian)
        )

    @property
    def dp_event(self) -> Any:
        """All steps, as dp-accounting has them."""
        return dp_accounting.SelfComposedDpEvent(self.step, self.steps)

    def after(self, steps: int) -> Self:
        """Return the event of so many steps."""
        return replace(self, steps=steps)

    def to_json(self) -> dict[str, Any]:
        """Return the event as it stands on certificates: enough for anyone to redo the accounting."""
        return {
            "event": _POISSON if self.truncated is None else _TRUNCATED,
            "noise_multiplier": self.noise_multiplier,
            "sampling_rate": self.sampling_rate,
            "steps": self.steps,
            "truncated": None if self.truncated is None else list(self.truncated),
            "neighbours": NEIGHBOURS,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote.

        Raises:
            InvalidPrivacyParameter: it is another event, or out of range.
        """
        try:
            sizes = value["truncated"]
            named = (_POISSON if sizes is None else _TRUNCATED, NEIGHBOURS)
            event = cls(
                float(value["noise_multiplier"]),
                float(value["sampling_rate"]),
                int(value["steps"]),
                None if sizes is None else (int(sizes[0]), int(sizes[1])),
            )
        except (KeyError, TypeError, IndexError) as error:
            raise InvalidPrivacyParameter("not a sampled Gaussian event") from error
        if (value["event"], value["neighbours"]) != named:
            raise InvalidPrivacyParameter(f"expected the event {named[0]} with neighbours {NEIGHBOURS!r}")
        return event
