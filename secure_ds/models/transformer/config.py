"""What a causal transformer is made of. Pure: no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from secure_ds.models.errors import InvalidModelConfig
from secure_ds.models.fields import MAX_LAYERS, MAX_WIDTH, exact_keys, family_and_task, whole
from secure_ds.models.lora_config import LoraConfig

MAX_VOCABULARY: Final = 2**20
MAX_CONTEXT: Final = 2**16


@dataclass(frozen=True, slots=True)
class TransformerConfig:
    """A decoder: embeddings of tokens and positions, blocks of attention and feed-forward layers, an output head.

    Attributes:
        vocabulary: number of different tokens.
        context: most tokens in a row.
        layers: number of blocks.
        width: numbers per token; a multiple of `heads`.
        heads: attention heads of each block.
        tied: whether the output head uses the token embedding's matrix.
        lora: adapters in place of training the whole model, or None.

    Raises:
        InvalidModelConfig: a field is out of range.
    """

    family: ClassVar[str] = "transformer"
    task: ClassVar[str] = "causal_lm"

    vocabulary: int
    context: int
    layers: int
    width: int
    heads: int
    tied: bool = True
    lora: LoraConfig | None = None

    def __post_init__(self) -> None:
        whole("vocabulary", self.vocabulary, 2, MAX_VOCABULARY)
        whole("context", self.context, 1, MAX_CONTEXT)
        whole("layers", self.layers, 1, MAX_LAYERS)
        whole("width", self.width, 1, MAX_WIDTH)
        whole("heads", self.heads, 1, self.width)
        if self.width % self.heads:
            raise InvalidModelConfig(f"width {self.width} must be a multiple of heads {self.heads}")
        if not isinstance(self.tied, bool):
            raise InvalidModelConfig(f"tied must be true or false, got {self.tied!r}")

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` reads."""
        value: dict[str, Any] = {
            "family": self.family,
            "task": self.task,
            "vocabulary": self.vocabulary,
            "context": self.context,
            "layers": self.layers,
            "width": self.width,
            "heads": self.heads,
            "tied": self.tied,
        }
        return value if self.lora is None else value | {"lora": self.lora.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TransformerConfig:
        """Read what `to_json` wrote.

        Raises:
            InvalidModelConfig: it is not such a configuration.
        """
        fields = ("vocabulary", "context", "layers", "width", "heads", "tied")
        exact_keys(value, {"family", "task", *fields}, {"lora"})
        family_and_task(value, cls.family, cls.task)
        lora = LoraConfig.from_json(value["lora"]) if value.get("lora") is not None else None
        return cls(**{field: value[field] for field in fields}, lora=lora)
