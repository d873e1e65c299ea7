"""A model trained under DP as a file: safetensors, and one metadata field that says what it is.

Rules: equal models give equal bytes; one metadata key, because safetensors does not order several; nothing in it is
private beyond the weights, which the plan has paid for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import rfc8785
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from secure_ds.training.dp.checkpoint import on_cpu

FORMAT: Final = "secure-ds/dp-model/1"
_KEY: Final = "secure_ds"


class InvalidDpModelFile(ValueError):
    """The bytes are not a model file of this format."""

    code: ClassVar[str] = "invalid_model_file"

    def __init__(self) -> None:
        super().__init__(f"not a model file of the format {FORMAT}")


@dataclass(frozen=True, slots=True)
class TrainedDpModel:
    """A model and what it takes to use it.

    Attributes:
        tensors: its parameters by name.
        config: JSON of its configuration, for `secure_ds.models.registry`.
        classes: names of the classes in the order of the logits; empty where it predicts tokens.
        schema: JSON of the schema of the records that it was trained on.
        plan_digest: the plan it was trained under.
    """

    tensors: Mapping[str, torch.Tensor]
    config: dict[str, Any]
    classes: tuple[str, ...]
    schema: dict[str, Any]
    plan_digest: str


def write_dp_model(model: TrainedDpModel) -> bytes:
    """Return the file's bytes."""
    card: dict[str, Any] = {
        "format": FORMAT,
        "config": model.config,
        "classes": list(model.classes),
        "schema": model.schema,
        "plan_digest": model.plan_digest,
    }
    return bytes(save(on_cpu(model.tensors), metadata={_KEY: rfc8785.dumps(card).decode()}))


def read_dp_model(data: bytes) -> TrainedDpModel:
    """Read what `write_dp_model` wrote.

    Raises:
        InvalidDpModelFile: anything else.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        card = json.loads(header["__metadata__"][_KEY])
        if card["format"] != FORMAT:
            raise InvalidDpModelFile
        return TrainedDpModel(load(data), card["config"], tuple(card["classes"]), card["schema"], card["plan_digest"])
    except (SafetensorError, KeyError, TypeError, ValueError):
        raise InvalidDpModelFile from None
