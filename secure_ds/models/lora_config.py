"""What is adapted by LoRA, and how. Pure: no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from secure_ds.models.errors import InvalidModelConfig
from secure_ds.models.fields import as_tuple, exact_keys, whole


@dataclass(frozen=True, slots=True)
class LoraConfig:
    """Adapters of low rank on named Linear layers; everything else is frozen (Hu et al. 2022).

    Attributes:
        rank: numbers between the two adapter matrices.
        alpha: the adapter's output is multiplied by alpha / rank.
        targets: names of layers, the last part of their path, for example "q"; each adapts all layers of that name.

    Raises:
        InvalidModelConfig: a field is out of range.
    """

    rank: int
    alpha: float
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        whole("lora.rank", self.rank, 1, 1024)
        is_number = isinstance(self.alpha, int | float) and not isinstance(self.alpha, bool)
        if not is_number or not math.isfinite(self.alpha) or self.alpha <= 0:
            raise InvalidModelConfig(f"lora.alpha must be a number above 0, got {self.alpha!r}")
        names = self.targets
        if not names or len(set(names)) != len(names) or not all(isinstance(name, str) and name for name in names):
            raise InvalidModelConfig(f"lora.targets must be different names of layers, at least one, got {names!r}")

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        return {"rank": self.rank, "alpha": self.alpha, "targets": list(self.targets)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LoraConfig:
        """Read what `to_json` wrote.

        Raises:
            InvalidModelConfig: it is not such a configuration.
        """
        if not isinstance(value, Mapping):
            raise InvalidModelConfig(f"lora must be an object with rank, alpha and targets, got {value!r}")
        exact_keys(value, {"rank", "alpha", "targets"})
        return cls(value["rank"], value["alpha"], as_tuple("lora.targets", value["targets"]))
