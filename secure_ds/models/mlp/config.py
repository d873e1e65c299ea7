"""What a multilayer perceptron is made of. Pure: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from secure_ds.models.fields import MAX_CLASSES, MAX_WIDTH, as_tuple, exact_keys, family_and_task, sizes, whole


@dataclass(frozen=True, slots=True)
class MlpConfig:
    """Linear layers with ReLU between them, for rows of numbers.

    Attributes:
        n_inputs: numbers in a row.
        hidden: widths of the hidden layers; empty for a linear classifier.
        n_classes: at least 2.

    Raises:
        InvalidModelConfig: a field is out of range.
    """

    family: ClassVar[str] = "mlp"
    task: ClassVar[str] = "classify"

    n_inputs: int
    hidden: tuple[int, ...]
    n_classes: int

    def __post_init__(self) -> None:
        whole("n_inputs", self.n_inputs, 1, MAX_WIDTH)
        sizes("hidden", self.hidden)
        whole("n_classes", self.n_classes, 2, MAX_CLASSES)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        return {
            "family": self.family,
            "task": self.task,
            "n_inputs": self.n_inputs,
            "hidden": list(self.hidden),
            "n_classes": self.n_classes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> MlpConfig:
        """Read what `to_json` wrote.

        Raises:
            InvalidModelConfig: it is not such a configuration.
        """
        exact_keys(value, {"family", "task", "n_inputs", "hidden", "n_classes"})
        family_and_task(value, cls.family, cls.task)
        return cls(value["n_inputs"], as_tuple("hidden", value["hidden"]), value["n_classes"])
