"""A trained model as a file: safetensors, one tensor, and one metadata field that says how to use it.

Rules: the bytes are a function of plan, feature map and weights alone, so that whoever holds the answers can make the
same file and compare digests; one metadata key, because safetensors does not order several; nothing in it is private.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rfc8785
from safetensors import SafetensorError
from safetensors.numpy import load, save

FORMAT: Final = "secure-ds/linear-model/1"
_KEY: Final = "secure_ds"
_MAX_BYTES: Final = 64 * 2**20


class InvalidModelFile(ValueError):
    """The bytes are not a model file of this format."""

    code = "invalid_model_file"


@dataclass(frozen=True, slots=True)
class LinearModel:
    """A binary linear classifier over mapped features.

    Attributes:
        weights: (d,) float64, the bias last; the score of a mapped record x is weights . x, positive for label 1.
        feature_map: the public map to apply to raw records first, as its descriptor has it.
        plan_digest: the plan it was trained under.
    """

    weights: npt.NDArray[np.float64]
    feature_map: dict[str, Any]
    plan_digest: str


def write_model(model: LinearModel) -> bytes:
    """Return the file's bytes; equal models give equal bytes."""
    card: dict[str, Any] = {"format": FORMAT, "feature_map": model.feature_map, "plan_digest": model.plan_digest}
    tensors = {"weights": np.ascontiguousarray(model.weights, dtype="<f8")}
    return bytes(save(tensors, metadata={_KEY: rfc8785.dumps(card).decode()}))


def read_model(data: bytes) -> LinearModel:
    """Read what `write_model` wrote.

    Raises:
        InvalidModelFile: anything else.
    """
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        card = json.loads(header["__metadata__"][_KEY])
        if len(data) > _MAX_BYTES or card["format"] != FORMAT:
            raise InvalidModelFile(f"not a model file of the format {FORMAT}")
        model = LinearModel(load(data)["weights"], card["feature_map"], card["plan_digest"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise InvalidModelFile(f"not a model file of the format {FORMAT}") from error
    if model.weights.dtype != np.float64 or model.weights.ndim != 1 or not np.isfinite(model.weights).all():
        raise InvalidModelFile("the weights must be a vector of finite float64")
    return model
