"""What a trained model says of records that went through its feature map, in the clear."""

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from secure_ds.training.encrypted.model_file import TrainedModel

FloatArray = npt.NDArray[np.float64]


def scores(model: TrainedModel, X: FloatArray) -> FloatArray:
    """Return the scores of (n, d) mapped records: (n, 1) for two classes, (n, c) for more."""
    return _SCORES[model.kind](model.tensors, X)


def labels(found: FloatArray) -> npt.NDArray[np.int64]:
    """Return the (n,) labels that scores mean: the largest one's; for two classes 1 above zero, and 0 at zero."""
    if found.shape[1] == 1:
        return (found[:, 0] > 0).astype(np.int64)
    largest: npt.NDArray[np.int64] = found.argmax(axis=1)
    return largest


def _linear(tensors: Mapping[str, FloatArray], X: FloatArray) -> FloatArray:
    return X @ tensors["weights"].T


def _hidden_layer(tensors: Mapping[str, FloatArray], X: FloatArray) -> FloatArray:
    linear, square = tensors["activation"][0].tolist()
    u = X @ tensors["first"].T
    found: FloatArray = (u * (linear + square * u)) @ tensors["second"].T
    return found


_SCORES: Final[dict[str, Callable[[Mapping[str, FloatArray], FloatArray], FloatArray]]] = {
    "linear": _linear,
    "hidden_layer": _hidden_layer,
}
