"""What a benchmark says: one row per measured number, with what it is compared to and whether the target holds.

Rules: a ratio names what it is against; a target says whether it holds. A number without a target is a report.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number.

    Attributes:
        name: what was measured, in a few words.
        value: the number, in `unit`.
        unit: for example "s", "MiB", "%"; "1" for a bare number.
        against: what `value` is compared with, with its own number; goes with `ratio`.
        ratio: how many times better than `against`; above 1 is better.
        target: the demand, as printed ("at least 500"); goes with `holds`.
        holds: whether the demand is met.

    Raises:
        ValueError: half of a pair is missing, or a number is not finite.
    """

    name: str
    value: float
    unit: str
    against: str | None = None
    ratio: float | None = None
    target: str | None = None
    holds: bool | None = None

    def __post_init__(self) -> None:
        if (self.against is None) != (self.ratio is None):
            raise ValueError(f"{self.name}: a ratio and what it is against go together")
        if (self.target is None) != (self.holds is None):
            raise ValueError(f"{self.name}: a target and whether it holds go together")
        if not all(math.isfinite(number) for number in (self.value, self.ratio or 0.0)):
            raise ValueError(f"{self.name}: {self.value!r} (ratio {self.ratio!r}) is not a finite measurement")
