"""The event that accounts for DP-SGD: Gaussian releases of sums over units that were sampled at random.

Neighbours are *zero-out one privacy unit*: its rows are replaced by rows of weight zero and the number of units is
public (`REPLACE_SPECIAL` in dp-accounting). The sensitivity of a clipped sum is then the clipping norm, as with adding
or removing a unit, and the number of units may appear anywhere.
"""

from dataclasses import dataclass
from typing import Any, Final

import dp_accounting

from secure_ds.privacy.errors import InvalidPrivacyParameter

NEIGHBOURS: Final = "zero-out one privacy unit"
RELATION: Final = dp_accounting.NeighboringRelation.REPLACE_SPECIAL


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
        if not self.noise_multiplier > 0 or not 0 < self.sampling_rate <= 1 or self.steps < 1:
            raise InvalidPrivacyParameter(
                "an event needs noise_multiplier above 0, sampling_rate in (0, 1] and at least one step"
            )

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

    def to_json(self) -> dict[str, Any]:
        """Return the event as it stands on certificates: enough for anyone to redo the accounting."""
        return {
            "event": "poisson_sampled_gaussian" if self.truncated is None else "truncated_poisson_sampled_gaussian",
            "noise_multiplier": self.noise_multiplier,
            "sampling_rate": self.sampling_rate,
            "steps": self.steps,
            "truncated": None if self.truncated is None else list(self.truncated),
            "neighbours": NEIGHBOURS,
        }
