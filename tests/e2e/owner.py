"""What a data owner does, through the public client alone; every act may be repeated, so a crash is only waited out."""

import base64
import json
import shutil
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.client.client import Client, fresh_key
from secure_ds.client.package import Declaration, Package, write_package
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.records import Records
from secure_ds.jobs.lifecycle import JobState, is_final
from secure_ds.wire.datasets import DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import JobSubmit, JobView
from tests.e2e.live import eventually, patiently
from tests.installation import PURPOSE

HEADROOM = {"radius": 4.0, "learning_rate": 4.5}
"""Settings under which the smallest profile has room for its own flooding noise."""


def ready_dataset(client: Client, directory: Path, records: Records, declaration: Declaration) -> DatasetDescriptor:
    """Encrypt, upload and wait for the upload check; the package is removed afterwards."""
    package = make_package(client, directory, records, declaration)
    upload(client, package)
    shutil.rmtree(directory)
    dataset_id = package.descriptor.dataset_id
    eventually(lambda: is_ready(patiently(lambda: client.dataset(dataset_id))), 60, "the data set is not ready")
    return package.descriptor


def make_package(client: Client, directory: Path, records: Records, declaration: Declaration) -> Package:
    """Encrypt records under fresh keys, sealed to the custodian of the instance."""
    point = base64.b64decode(client.public_keys().sealing_key)
    custodian = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    upload_key = Ed25519PrivateKey.generate()
    write_package(directory, records, declaration, custodian, upload_key)
    return Package(directory, upload_key.public_key())


def upload(client: Client, package: Package) -> None:
    """Register a package, send its blobs and close the upload."""
    envelope, sealed = Envelope(**json.loads(package.envelope)), base64.b64encode(package.sealed_key()).decode()
    client.register_dataset(DatasetCreate(envelope=envelope, sealed_key=sealed, name="a data set"))
    for blob in package.blobs():
        client.upload_blob(package.descriptor.dataset_id, blob.digest, package.path(blob))
    client.finish_upload(package.descriptor.dataset_id)


def is_ready(view: DatasetView) -> bool:
    """Whether the upload check has passed. Raises `AssertionError` when it never will."""
    assert view.state != "refused", view.refusal
    return view.state == "ready"


def job_body(dataset_id: str, *, epsilon: float = 0.1, steps: int = 12, **settings: float) -> JobSubmit:
    """A job of so many steps with settings that run on any profile."""
    choices = {**HEADROOM, **settings}
    return JobSubmit(dataset_id=dataset_id, purpose=PURPOSE, epsilon=epsilon, delta=1e-5, steps=steps, **choices)


def submit(client: Client, body: JobSubmit) -> JobView:
    """Submit once, however often the connection breaks."""
    key = fresh_key()
    return patiently(lambda: client.submit_job(body, key))


def finished(client: Client, job_id: str, seconds: float = 120.0) -> JobView:
    """Wait for a job's end and return it."""
    return eventually(lambda: over(patiently(lambda: client.job(job_id))), seconds, f"{job_id} does not end")


def over(job: JobView) -> JobView | None:
    """The job if it has ended."""
    return job if is_final(JobState(job.state)) else None


def steps_done(client: Client, job_id: str, steps: int, seconds: float = 60.0) -> JobView:
    """Wait until a job has come so far."""
    deadline = time.monotonic() + seconds
    while (job := patiently(lambda: client.job(job_id))).steps_done < steps:
        assert not over(job) and time.monotonic() < deadline, job
        time.sleep(0.05)
    return job
