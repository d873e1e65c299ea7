"""Predictions of a model that was trained on sealed records, on the machine of whoever downloaded it.

Torch runs in a process of its own (`secure_ds.trainer.predict`), so that no other command loads it.
"""

import io
import subprocess
import sys

import numpy as np
import numpy.typing as npt

from secure_ds.core.frames import receive, send


class PredictionFailed(Exception):
    """The file is no model, or the records are not of the form that it was trained on."""

    code = "prediction_failed"


def predict_sealed(model: bytes, inputs: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    """Return the class of every row, as an index into the model's classes.

    Args:
        model: the model file.
        inputs: (rows, ...), as the model's schema has them: numbers in [0, 1], or uint8 images.

    Raises:
        PredictionFailed: the file is no such model, or the rows do not fit it.
    """
    packed = io.BytesIO()
    np.savez(packed, inputs=inputs)
    with subprocess.Popen(
        [sys.executable, "-m", "secure_ds.trainer.predict"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise PredictionFailed("the process that predicts has no pipes")
        send(process.stdin, {"kind": "predict"}, [model, packed.getvalue()])
        try:
            answer, _ = receive(process.stdout)
        except EOFError:
            raise PredictionFailed("the process that predicts has ended") from None
    if answer["kind"] != "labels":
        raise PredictionFailed(str(answer["detail"]))
    return np.array(answer["labels"], dtype=np.int64)
