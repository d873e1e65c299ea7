"""A trained model as a file: safetensors, and one metadata field that says how to use it.

Rules: the bytes are a function of plan, feature map, classes and answers alone, so that whoever holds the answers can
make the same file and compare digests; one metadata key, because safetensors does not order several; nothing in it is
private.

| kind | tensors |
|---|---|
| `linear` | `weights` (1, d) for two classes, (c, d) for more; the bias is the last column |
| `hidden_layer` | `first` (h, d), `second` (1, h) or (c, h), `activation` (1, 2): coefficients of u and u^2 |
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rfc8785
from safetensors import SafetensorError
from safetensors.numpy import load, save

from secure_ds.training.encrypted.plan import Answers, EncryptedPlan

FORMAT: Final = "secure-ds/model/2"
_KEY: Final = "secure_ds"
_MAX_BYTES: Final = 64 * 2**20
_TENSORS: Final = {"linear": {"weights"}, "hidden_layer": {"first", "second", "activation"}}


class InvalidModelFile(ValueError):
    """The bytes are not a model file of this format."""

    code = "invalid_model_file"


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A classifier over mapped features.

    Attributes:
        kind: how the tensors are to be used, see the table above.
        tensors: float64 matrices by name.
        classes: names of the classes, in the order of the labels 0, 1, ...
        feature_map: the public map to apply to raw records first, as its descriptor has it.
        plan_digest: the plan it was trained under.
    """

    kind: str
    tensors: Mapping[str, npt.NDArray[np.float64]]
    classes: tuple[str, ...]
    feature_map: dict[str, Any]
    plan_digest: str


def trained_model(
    plan: EncryptedPlan, answers: Answers, classes: Sequence[str], feature_map: dict[str, Any]
) -> TrainedModel:
    """Return the model that follows from a job's answers."""
    kind, tensors = plan.tensors_after(answers)
    return TrainedModel(kind, tensors, tuple(classes), feature_map, plan.digest)


def write_model(model: TrainedModel) -> bytes:
    """Return the file's bytes; equal models give equal bytes."""
    card: dict[str, Any] = {
        "format": FORMAT,
        "kind": model.kind,
        "classes": list(model.classes),
        "feature_map": model.feature_map,
        "plan_digest": model.plan_digest,
    }
    tensors = {name: np.ascontiguousarray(tensor, dtype="<f8") for name, tensor in model.tensors.items()}
    return bytes(save(tensors, metadata={_KEY: rfc8785.dumps(card).decode()}))


def read_model(data: bytes) -> TrainedModel:
    """Read what `write_model` wrote.

    Raises:
        InvalidModelFile: anything else.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        card = json.loads(header["__metadata__"][_KEY])
        if len(data) > _MAX_BYTES or card["format"] != FORMAT:
            raise InvalidModelFile(f"not a model file of the format {FORMAT}")
        tensors = load(data)
        model = TrainedModel(card["kind"], tensors, tuple(card["classes"]), card["feature_map"], card["plan_digest"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidModelFile(f"not a model file of the format {FORMAT}") from error
    _check_tensors(model)
    return model


def _check_tensors(model: TrainedModel) -> None:
    if set(model.tensors) != _TENSORS.get(model.kind):
        raise InvalidModelFile(f"a model's kind must be one of {', '.join(_TENSORS)}, with the tensors of that kind")
    for tensor in model.tensors.values():
        if tensor.dtype != np.float64 or tensor.ndim != 2 or not np.isfinite(tensor).all():
            raise InvalidModelFile("the tensors must be matrices of finite float64")
