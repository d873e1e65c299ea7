"""Predictions of a network that never sees the records: encrypted here, evaluated there, read here.

Rules kept here:
  1. The key pair is made for one request and its secret half never leaves this process.
  2. The network is planned on this machine, from its file: what the plan proves holds for the records that were given,
     which must lie in the network's declared range.
  3. Nothing is rounded and nothing added: the answers are read by whoever encrypted, and by nobody else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.encryption import encrypt_columns
from secure_ds.ckks.keys import generate_relin_keys, generate_secret_key
from secure_ds.ckks.network import Network
from secure_ds.ckks.network_files import read_network
from secure_ds.ckks.network_planner import NetworkPlan, plan_network
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.client.client import Client
from secure_ds.client.errors import InvalidInputs, PredictionFailed
from secure_ds.core.digest import digest_bytes
from secure_ds.jobs.prediction import PredictionState
from secure_ds.wire.predictions import PredictionCreate, PredictionView

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
DEFAULT_ERROR = 1e-2
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EncryptedPrediction:
    """What came back, and what it took.

    Attributes:
        outputs: the network's outputs, shape (n, outputs), each within `error` of the network in the clear.
        error: the plan's proven bound.
        batch: records that one request can hold.
        seconds: wall-clock seconds by phase; `evaluate` is the worker's own count.
        bytes_up: size of all files sent.
        bytes_down: size of all answers.
    """

    outputs: Reals
    error: float
    batch: int
    seconds: dict[str, float]
    bytes_up: int
    bytes_down: int

    @property
    def latency(self) -> float:
        """Seconds from the records to the outputs."""
        return sum(value for phase, value in self.seconds.items() if phase != "evaluate")


@dataclass
class _Stopwatch:
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - start


def predict_encrypted(
    client: Client,
    network_id: str,
    X: Reals,
    *,
    max_error: float = DEFAULT_ERROR,
    sleep: Callable[[float], None] = time.sleep,
) -> EncryptedPrediction:
    """Have a network applied to records that leave this machine only encrypted.

    Args:
        client: the service.
        network_id: a network of the caller's tenant.
        X: input numbers, shape (n, inputs), in the network's declared range; at most one batch of records.
        max_error: largest error of any output that the plan must prove.
        sleep: waits between questions.

    Raises:
        PlanRefused: no plan keeps that error.
        InvalidInputs: shape or range are not the network's.
        PredictionFailed: the service could not evaluate.
    """
    watch = _Stopwatch()
    with watch.phase("plan"):
        network = read_network(client.download_network(client.network(network_id)))
        _check_inputs(network, X)
        plan = plan_network(network, max_error=max_error)
    if len(X) > plan.batch:
        raise InvalidInputs(f"one request holds {plan.batch} records, got {len(X)}; ask again for the rest")
    with tempfile.TemporaryDirectory() as directory, generate_secret_key(plan.parameters) as secret_key:
        with watch.phase("encrypt"):
            files = _encrypt(plan, secret_key, X, Path(directory))
        with watch.phase("upload"):
            asked = _send(client, network_id, plan, len(X), files)
        with watch.phase("wait"):
            done = _wait(client, asked.id, sleep)
        with watch.phase("read"):
            outputs = _read(client, done, plan, secret_key, len(X))
    watch.seconds["evaluate"] = done.seconds or 0.0
    return EncryptedPrediction(outputs, plan.error, plan.batch, watch.seconds, done.bytes_up, done.bytes_down)


def _check_inputs(network: Network, X: Reals) -> None:
    if X.ndim != 2 or X.shape[1] != network.n_inputs or not len(X):
        raise InvalidInputs(f"the network takes {network.n_inputs} numbers per record, got an array of {X.shape}")
    if not ((network.low <= X) & (network.high >= X)).all():
        raise InvalidInputs(f"every number must lie in the network's declared range, {network.low} to {network.high}")


def _encrypt(plan: NetworkPlan, secret_key: SecretKey, X: Reals, directory: Path) -> list[tuple[str, Path]]:
    """Write the key and one file per input number; return (digest, path) of each, the key first."""
    written = [_write(directory / "key", generate_relin_keys(plan.parameters, secret_key))]
    for block in encrypt_columns(plan.parameters, secret_key, X, plan.input_scale, 0):
        written.append(_write(directory / str(block.column), block.data))
    return written


def _write(path: Path, data: bytes) -> tuple[str, Path]:
    path.write_bytes(data)
    return digest_bytes(data), path


def _send(
    client: Client, network_id: str, plan: NetworkPlan, n_records: int, files: list[tuple[str, Path]]
) -> PredictionView:
    (key, _), *inputs = files
    body = PredictionCreate(
        network_id=network_id,
        plan=plan.to_json(),
        n_records=n_records,
        key=key,
        inputs=[digest for digest, _ in inputs],
    )
    asked = client.request_prediction(body)
    for digest, path in files:
        client.upload_prediction_file(asked.id, digest, path)
        path.unlink()
    return asked


def _wait(client: Client, prediction_id: str, sleep: Callable[[float], None]) -> PredictionView:
    pause = FIRST_PAUSE
    while True:
        view = client.prediction(prediction_id)
        if view.state == PredictionState.FAILED:
            raise PredictionFailed(view.failure or "the service gives no reason")
        if view.state == PredictionState.DONE:
            return view
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _read(client: Client, done: PredictionView, plan: NetworkPlan, secret_key: SecretKey, n_records: int) -> Reals:
    columns = []
    for digest in done.outputs:
        data = client.download_prediction_file(done.id, digest)
        slots = decrypt_slots(plan.parameters, secret_key, data, level=plan.output_level, scale=plan.output_scale)
        columns.append(slots.real[:n_records])
    return np.stack(columns, axis=1)
