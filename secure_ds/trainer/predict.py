"""Predict with a model file: one question over stdin, one answer over stdout, in frames. Holds nothing secret."""

import io
import sys

import numpy as np
import torch

from secure_ds.core.frames import receive, send
from secure_ds.models.build import build_model
from secure_ds.models.registry import config_from_json
from secure_ds.training.dp.model_file import InvalidDpModelFile, read_dp_model
from secure_ds.training.dp.unit_records import as_inputs

_ROWS_AT_ONCE = 256


@torch.no_grad()
def predict(model_file: bytes, inputs: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> list[int]:
    """Return the index of each row's most likely class.

    Raises:
        InvalidDpModelFile: the bytes are no model file.
        ValueError, RuntimeError: the rows do not fit the model.
    """
    trained = read_dp_model(model_file)
    model = build_model(config_from_json(trained.config), seed=0)
    model.load_state_dict(dict(trained.tensors), strict=False)
    labels: list[int] = []
    for start in range(0, len(inputs), _ROWS_AT_ONCE):
        rows = torch.from_numpy(as_inputs(inputs[start : start + _ROWS_AT_ONCE]))
        labels += model(rows).argmax(-1).tolist()
    return labels


def main() -> None:
    """Answer one question."""
    _, (model_file, packed) = receive(sys.stdin.buffer)
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as file:
            labels = predict(model_file, file["inputs"])
    except (InvalidDpModelFile, ValueError, RuntimeError):
        return send(sys.stdout.buffer, {"kind": "refused", "detail": "no model file, or rows of another form"})
    return send(sys.stdout.buffer, {"kind": "labels", "labels": labels})


if __name__ == "__main__":
    main()
