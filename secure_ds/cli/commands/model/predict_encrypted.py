"""`secure-ds model predict --encrypted`: the same command with a network that stays at the service."""

import os
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rfc8785

from secure_ds.cli.printing import Printer
from secure_ds.cli.profile import load_profile
from secure_ds.client.client import Client
from secure_ds.client.encrypted_prediction import EncryptedPrediction, predict_encrypted
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records
from secure_ds.training.encrypted.model_file import TrainedModel
from secure_ds.training.encrypted.prediction import labels


def inputs_of(records: Records, mapped_like: TrainedModel | None) -> npt.NDArray[np.float64]:
    """Return a network's inputs (n, inputs): mapped as for that model, or the columns as they are, flattened."""
    if mapped_like is not None:
        return parse_feature_map(rfc8785.dumps(mapped_like.feature_map)).apply(records)
    columns = [records.numeric(name).reshape(len(records), -1) for name in records.columns]
    return np.concatenate(columns, axis=1)


def predict_at_service(
    network_id: str, X: npt.NDArray[np.float64], max_error: float, *, url: str | None, token_file: Path | None
) -> EncryptedPrediction:
    """Encrypt, have the network applied, decrypt."""
    profile = load_profile(os.environ, url=url, token_file=token_file)
    with Client(profile.url, profile.token) as client:
        return predict_encrypted(client, network_id, X, max_error=max_error)


def rows_of(prediction: EncryptedPrediction) -> list[dict[str, object]]:
    """Return row, label and the highest output of every record."""
    pairs = zip(labels(prediction.outputs), prediction.outputs.max(axis=1), strict=True)
    return [{"row": row, "label": int(label), "score": float(score)} for row, (label, score) in enumerate(pairs)]


def print_cost(printer: Printer, prediction: EncryptedPrediction) -> None:
    """Say what it took, on standard error."""
    phases = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in prediction.seconds.items())
    printer.note(
        f"{len(prediction.outputs)} of {prediction.batch} records in a batch; latency {prediction.latency:.2f} s "
        f"({phases}); {prediction.bytes_up:,} bytes up, {prediction.bytes_down:,} down; "
        f"every score within {prediction.error:.3g}."
    )
