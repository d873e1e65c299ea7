"""`secure-ds model register` and `secure-ds model predict --encrypted`."""

import json
from pathlib import Path

import numpy as np
import pytest

from secure_ds.ckks.network import Linear, Network
from secure_ds.ckks.network_files import read_network, write_network
from secure_ds.cli.commands.model import predict as command
from secure_ds.client.encrypted_prediction import EncryptedPrediction
from secure_ds.training.encrypted.model_file import TrainedModel, write_model
from tests.cli.conftest import Shell
from tests.simulators.services import SimulatedService

NETWORK = Network((2,), 0.0, 1.0, (Linear(np.ones((3, 2), np.float32)),))


def test_a_network_is_handed_in(secure_ds: Shell, service: SimulatedService, tmp_path: Path) -> None:
    (tmp_path / "digits.safetensors").write_bytes(write_network(NETWORK))
    told = secure_ds("model", "register", str(tmp_path / "digits.safetensors"), "--json")
    assert json.loads(told.out)["name"] == "digits"
    assert service.network_file == write_network(NETWORK)


def test_a_downloaded_linear_model_is_handed_in(secure_ds: Shell, service: SimulatedService, tmp_path: Path) -> None:
    model = TrainedModel("linear", {"weights": np.eye(2)}, ("a", "b"), {}, "sha256:" + "0" * 64)
    (tmp_path / "model.safetensors").write_bytes(write_model(model))
    assert secure_ds("model", "register", str(tmp_path), "--name", "patients").code == 0
    assert read_network(service.network_file).input_shape == (2,)


def test_predictions_are_printed_with_what_they_took(
    secure_ds: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def predict_at_service(network_id: str, X: np.ndarray, max_error: float, **connection: object) -> object:
        asked.append((network_id, X.tolist(), max_error))
        outputs = np.array([[0.1, 0.9], [0.8, 0.2]])
        return EncryptedPrediction(outputs, 0.01, 4096, {"encrypt": 1.0, "wait": 2.0, "evaluate": 1.5}, 1000, 100)

    monkeypatch.setattr(command, "predict_at_service", predict_at_service)
    (tmp_path / "records.csv").write_text("a,b\n0.5,1\n0,0.25\n")
    told = secure_ds("model", "predict", "--encrypted", "net_x", str(tmp_path / "records.csv"), "--max-error", "0.1")
    assert asked == [("net_x", [[0.5, 1.0], [0.0, 0.25]], 0.1)]
    assert told.out.split() == ["row,label,score", "0,1,0.9", "1,0,0.8"]
    for part in ("2 of 4096 records", "latency 3.00 s", "1,000 bytes up", "100 down", "within 0.01"):
        assert part in " ".join(told.err.split())


def test_what_is_no_model_directory_is_a_usage_error(secure_ds: Shell, tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("a\n1\n")
    told = secure_ds("model", "predict", str(tmp_path / "nothing"), str(tmp_path / "records.csv"))
    assert told.code == 2 and "no directory of `model download`" in told.err
