"""What a convolutional network is made of. Pure: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from secure_ds.models.errors import InvalidModelConfig
from secure_ds.models.fields import MAX_CLASSES, as_tuple, exact_keys, family_and_task, sizes, whole

MAX_SIDE: Final = 1024


@dataclass(frozen=True, slots=True)
class CnnConfig:
    """Blocks of convolution, GroupNorm, ReLU and a pooling that halves the image; then one linear layer.

    Attributes:
        channels: of an image.
        height: of an image, in pixels.
        width: of an image, in pixels.
        widths: channels after each block; every block halves the sides, which must stay at least 1.
        n_classes: at least 2.

    Raises:
        InvalidModelConfig: a field is out of range, or the image is too small for so many blocks.
    """

    family: ClassVar[str] = "cnn"
    task: ClassVar[str] = "classify"

    channels: int
    height: int
    width: int
    widths: tuple[int, ...]
    n_classes: int

    def __post_init__(self) -> None:
        whole("channels", self.channels, 1, 256)
        whole("height", self.height, 1, MAX_SIDE)
        whole("width", self.width, 1, MAX_SIDE)
        sizes("widths", self.widths, least_length=1)
        whole("n_classes", self.n_classes, 2, MAX_CLASSES)
        if min(self.height, self.width) >> len(self.widths) < 1:
            raise InvalidModelConfig(
                f"{len(self.widths)} blocks halve {self.height} x {self.width} pixels to nothing; use fewer widths"
            )

    @property
    def n_features(self) -> int:
        """Numbers that the last block hands to the linear layer."""
        blocks = len(self.widths)
        return self.widths[-1] * (self.height >> blocks) * (self.width >> blocks)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        return {
            "family": self.family,
            "task": self.task,
            "channels": self.channels,
            "height": self.height,
            "width": self.width,
            "widths": list(self.widths),
            "n_classes": self.n_classes,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> CnnConfig:
        """Read what `to_json` wrote.

        Raises:
            InvalidModelConfig: it is not such a configuration.
        """
        exact_keys(value, {"family", "task", "channels", "height", "width", "widths", "n_classes"})
        family_and_task(value, cls.family, cls.task)
        widths = as_tuple("widths", value["widths"])
        return cls(value["channels"], value["height"], value["width"], widths, value["n_classes"])
