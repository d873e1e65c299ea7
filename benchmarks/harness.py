"""A service of three real processes, and a data owner who uses it through the public client alone.

Rules kept here: nothing is measured that a user could not have; every model's certificate is verified before its
accuracy counts. Wall-clock seconds are those of a machine that may be busy; processor seconds are the worker's own.
"""

import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any, Self

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.assembly import open_store
from secure_ds.ckks.profiles import DEFAULT, Profile
from secure_ds.cli.instances import make_instance
from secure_ds.cli.processes import Supervisor
from secure_ds.client.client import Client
from secure_ds.client.owner import sealing_key, upload_package, wait_until_checked
from secure_ds.client.package import Declaration, Package, write_package
from secure_ds.client.predict import predict_records
from secure_ds.client.verify import verify_model
from secure_ds.core.principal import Role
from secure_ds.core.settings import Settings
from secure_ds.data.descriptor import Limits, PrivacyUnit
from secure_ds.data.feature_maps import FeatureMap
from secure_ds.data.records import Records
from secure_ds.services.authenticate import issue_token
from secure_ds.store.rows import UserRow
from secure_ds.training.encrypted.logistic.plan import LogisticPlan
from secure_ds.training.encrypted.logistic.twin import train_clear_twin
from secure_ds.training.encrypted.model_file import TrainedModel, read_model
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.training.encrypted.planning import plan_from_json
from secure_ds.wire.jobs import JobSubmit, JobView, TrainingRequest

TENANT, PURPOSE, SENSITIVITY = "clinic", "research", 2
CHECK_SECONDS = 600.0
WATCH_SECONDS = 0.1


class RunFailed(Exception):
    """The service did not do what a benchmark was to measure."""

    code = "run_failed"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A data set that passed the upload check, and what that took.

    Attributes:
        dataset_id: its identifier.
        n_bytes: bytes of ciphertexts and evaluation keys sent.
        encrypt_seconds: key generation and encryption on the owner's side, one process.
        upload_seconds: sending all files over HTTP on this machine, digests checked.
        check_seconds: structural checks and the norm check under encryption.
    """

    dataset_id: str
    n_bytes: int
    encrypt_seconds: float
    upload_seconds: float
    check_seconds: float


@dataclass(frozen=True)
class Trained:
    """A released model with a valid certificate, and what training took.

    Attributes:
        model: the model, as downloaded.
        plan: what was run.
        job_seconds: from submission to the end, loading of the ciphertexts included.
        worker_seconds: processor seconds of the worker in that time.
        step_seconds: wall-clock seconds of each step, custodian and database included.
        outside: share of the steps' seconds outside the evaluator.
        answer_bytes: one packed ciphertext, worker to custodian.
        estimate: what the quote had said about `job_seconds`.
        peak_memory: most bytes that worker and evaluators had resident together while the job ran.
    """

    model: TrainedModel
    plan: EncryptedPlan
    job_seconds: float
    worker_seconds: float
    step_seconds: tuple[float, ...]
    outside: float
    answer_bytes: int
    estimate: float
    peak_memory: int

    @property
    def median_step(self) -> float:
        """Wall-clock seconds of the median step."""
        return median(self.step_seconds)

    def accuracy(self, records: Records, label: str) -> float:
        """Share of records that the downloaded model labels right."""
        labels, _ = predict_records(self.model, records)
        return float(np.mean(labels == records.columns[label]))

    def accuracy_without_noise(self, feature_map: FeatureMap, train: Records, test: Records, label: str) -> float:
        """Share that the clear-text twin of the same plan labels right: same circuit and settings, no noise."""
        if not isinstance(self.plan, LogisticPlan):
            raise TypeError(f"there is no twin of {self.plan.algorithm} here")
        weights = train_clear_twin(self.plan, feature_map.apply(train), train.columns[label], noise=None)
        return float(np.mean((feature_map.apply(test) @ weights > 0) == test.columns[label]))


class Owner:
    """A data owner at a running service."""

    def __init__(self, client: Client, worker_process: int, directory: Path) -> None:
        self._client, self._worker, self._directory = client, worker_process, directory
        self._keys = client.public_keys()

    @property
    def client(self) -> Client:
        """The service, as this owner, who may hand in networks too."""
        return self._client

    def watch_memory(self) -> "MemoryWatch":
        """Return what notes the worker's largest memory while it is entered."""
        return MemoryWatch(self._worker)

    def upload(
        self,
        records: Records,
        feature_map: FeatureMap,
        label: str,
        limits: Limits,
        classes: Sequence[str] = ("0", "1"),
        profile: Profile = DEFAULT,
    ) -> Uploaded:
        """Encrypt records under fresh keys, upload them and wait for the check; the package is then removed.

        Raises:
            RunFailed: the data set was refused.
        """
        directory, upload_key = self._directory / "package", Ed25519PrivateKey.generate()
        declaration = Declaration(TENANT, feature_map, label, tuple(classes), limits, PrivacyUnit(), profile)
        started = time.perf_counter()
        write_package(directory, records, declaration, sealing_key(self._keys), upload_key)
        encrypted = time.perf_counter()
        package = Package(directory, upload_key.public_key())
        view = upload_package(self._client, package, "benchmark", SENSITIVITY)
        uploaded = time.perf_counter()
        view = wait_until_checked(self._client, view.id, CHECK_SECONDS)
        checked = time.perf_counter()
        shutil.rmtree(directory)
        if view.state != "ready":
            raise RunFailed(f"the data set is {view.state}: {view.refusal}")
        n_bytes = sum(blob.bytes for blob in package.blobs())
        return Uploaded(view.id, n_bytes, encrypted - started, uploaded - encrypted, checked - uploaded)

    def train(self, dataset_id: str, epsilon: float, delta: float, **choices: Any) -> Trained:
        """Quote, submit, follow and download one job with the settings that the rule gives.

        Args:
            dataset_id: what to train on.
            epsilon: the job's.
            delta: the job's.
            choices: further fields of the request, for example the algorithm.

        Raises:
            RunFailed: no model came out, or its certificate does not verify.
        """
        request = TrainingRequest(dataset_id=dataset_id, purpose=PURPOSE, epsilon=epsilon, delta=delta, **choices)
        quote = self._client.quote(request)
        if quote.seconds_estimate is None:
            raise RunFailed(f"the quote refuses: {'; '.join(quote.refusals)}")
        started, worked = time.perf_counter(), _processor_seconds(self._worker)
        job = self._client.submit_job(JobSubmit(**request.model_dump(), plan_digest=quote.plan_digest))
        with MemoryWatch(self._worker) as memory:
            steps = [event.data for event in self._client.watch_job(job.id) if event.event == "step"]
        seconds, worked = time.perf_counter() - started, _processor_seconds(self._worker) - worked
        job = self._client.job(job.id)
        return Trained(
            model=self._model(job),
            plan=plan_from_json(job.plan),
            job_seconds=seconds,
            worker_seconds=worked,
            step_seconds=tuple(step["seconds"] for step in steps),
            outside=1 - sum(step["homomorphic_seconds"] for step in steps) / sum(step["seconds"] for step in steps),
            answer_bytes=steps[0]["ciphertext_bytes"],
            estimate=quote.seconds_estimate,
            peak_memory=memory.peak,
        )

    def _model(self, job: JobView) -> TrainedModel:
        if job.model_id is None:
            raise RunFailed(f"the job {job.state}: {job.failure}")
        model = self._client.model(job.model_id)
        weights = self._client.download_weights(model)
        if not verify_model(self._client.download_certificate(model), weights, self._keys).passed:
            raise RunFailed("the model's certificate does not verify")
        return read_model(weights)


@contextmanager
def running_service() -> Iterator[Owner]:
    """Make an instance, start custodian, API and worker, and yield a data owner; everything is removed at the end."""
    home = Path(tempfile.mkdtemp(prefix="sds-bench-"))  # short: a Unix socket's path has at most 107 bytes
    settings = make_instance(home / "instance", port=_free_port()).settings
    supervisor = Supervisor(settings)
    try:
        supervisor.start()
        supervisor.wait_until_ready()
        with Client(supervisor.url, _token(settings)) as client:
            yield Owner(client, supervisor.process_id("worker"), home)
    finally:
        supervisor.stop()
        shutil.rmtree(home, ignore_errors=True)


def _token(settings: Settings) -> str:
    user = UserRow("olivia", TENANT, "olivia", frozenset({Role.DATA_OWNER, Role.ML_ENGINEER}), frozenset({PURPOSE}), 3)
    return issue_token(open_store(settings), user, timedelta(days=1)).text


def _processor_seconds(process: int) -> float:
    """Of a process and its children, present and past."""
    return sum(_own_seconds(each) for each in (process, *_children(process)))


def _own_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # own and waited-for children's time


class MemoryWatch:
    """Looks at the resident memory of a process and its children, again and again, and keeps the largest sum."""

    def __init__(self, process: int) -> None:
        self.peak = 0
        self._process, self._over = process, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(WATCH_SECONDS):
            resident = sum(map(_resident, (self._process, *_children(self._process))))
            self.peak = max(self.peak, resident)


def _resident(process: int) -> int:
    try:
        pages = Path(f"/proc/{process}/statm").read_text(encoding="utf-8").split()[1]
    except (FileNotFoundError, ProcessLookupError):
        return 0  # it ended between two looks
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _children(process: int) -> list[int]:
    text = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8")
    return [int(child) for child in text.split()]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
