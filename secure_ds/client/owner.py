"""What a data owner does with a package: encrypt to the keys that were pinned, and upload, as often as it takes.

Both steps can be interrupted and repeated: registration carries the descriptor's digest as its idempotency key, and
blobs that have arrived are not sent again.
"""

import base64
import time
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.client.client import Client
from secure_ds.client.errors import ServiceUnreachable, UntrustedService
from secure_ds.client.package import Package
from secure_ds.client.sealed_package import SealedPackage
from secure_ds.data.descriptor import FileReference
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.wire.datasets import DatasetCreate, DatasetView, Envelope
from secure_ds.wire.service import PublicKeys

POLL_SECONDS: Final = 0.5
DECIDED: Final = frozenset({DatasetState.READY, DatasetState.REFUSED})

Progress = Callable[[int, int], None]
"""Told (bytes that have arrived, bytes in all)."""


def sealing_key(pinned: PublicKeys) -> ec.EllipticCurvePublicKey:
    """Return the key that a data set's secret key is sealed to.

    Raises:
        UntrustedService: what was pinned is no point of P-256.
    """
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.b64decode(pinned.sealing_key))
    except ValueError:
        raise UntrustedService("the pinned sealing key is no point of P-256; pin the service's keys again") from None


def upload_package(
    client: Client,
    package: Package | SealedPackage,
    name: str,
    sensitivity: int,
    progress: Progress = lambda sent, total: None,
) -> DatasetView:
    """Register a package, upload what has not arrived, and have it checked.

    Raises:
        InvalidPackage: a file of the package was changed.
        ProblemError: the service refuses it.
    """
    client.register_dataset(_registration(package, name, sensitivity), package.descriptor.digest)
    view = client.dataset(package.descriptor.dataset_id)  # a repeated registration is answered as it was the first time
    if view.state != DatasetState.UPLOADING:
        return view
    blobs: list[FileReference] = list(package.blobs())
    total, before = sum(blob.bytes for blob in blobs), 0
    for blob in blobs:
        client.upload_blob(view.id, blob.digest, package.path(blob), _shifted(progress, before, total))
        before += blob.bytes
    return client.finish_upload(view.id)


def _shifted(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    return lambda sent: progress(before + sent, total)


def wait_until_checked(
    client: Client, dataset_id: str, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> DatasetView:
    """Wait until an uploaded data set is ready or refused.

    Raises:
        ServiceUnreachable: it was neither within that time.
    """
    for _ in range(max(1, int(seconds / POLL_SECONDS))):
        view = client.dataset(dataset_id)
        if view.state in DECIDED:
            return view
        sleep(POLL_SECONDS)
    raise ServiceUnreachable(f"the data set was not checked within {seconds:.0f} s; is a worker running?")


def _registration(package: Package | SealedPackage, name: str, sensitivity: int) -> DatasetCreate:
    sealed = package.sealed_key()
    return DatasetCreate(
        envelope=Envelope.model_validate_json(package.envelope),
        sealed_key=None if sealed is None else base64.b64encode(sealed).decode(),
        name=name,
        sensitivity=sensitivity,
    )
