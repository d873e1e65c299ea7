"""Sealed data sets and jobs on an installation inside a test process; the trainer is a real process."""

import base64
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.client.sealed_package import SealedDeclaration, SealedPackage, write_sealed_package
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller
from secure_ds.data.records import Records
from secure_ds.data.sealed.descriptor import Parent, SealedDescriptor, SealedLimits
from secure_ds.data.sealed.schema import Label, Numeric, Schema, TableSchema
from secure_ds.privacy.renyi import DEFAULT_ORDERS
from secure_ds.wire.datasets import DatasetCreate, Envelope
from secure_ds.wire.jobs import SEALED, JobSubmit, JobView, SealedTraining, TrainingRequest
from tests.installation import PURPOSE, Installation

FEATURES = 4
TABLE = TableSchema(
    columns=tuple(Numeric(name=f"x{index}", low=-1.0, high=1.0) for index in range(FEATURES)),
    label=Label(column="label", classes=("0", "1")),
)
QUICK = SealedTraining(batch_size=64, l2_norm_clip=1.0)


def table_records(n: int = 400, seed: int = 1) -> Records:
    """Records with a signal: the label follows the sign of the first column."""
    draw = np.random.default_rng(seed)
    X = draw.uniform(-1, 1, (n, FEATURES))
    columns = {f"x{index}": X[:, index] for index in range(FEATURES)}
    return Records({**columns, "label": (X[:, 0] > 0).astype(np.int64)})


@dataclass
class SealedOwner:
    """A data owner at an installation, with an upload key of their own."""

    installation: Installation
    caller: Caller

    def __post_init__(self) -> None:
        self.upload_key = Ed25519PrivateKey.generate()

    def package(
        self,
        records: Records | None = None,
        schema: Schema = TABLE,
        *,
        epsilon: float = 8.0,
        parent: Parent | None = None,
        tenant: str = "clinic",
    ) -> SealedPackage:
        """Seal records on the owner's side."""
        directory = self.installation.home / f"sealed-{new_id('req')}"
        limits = SealedLimits(epsilon=epsilon, delta=1e-5, purposes=(PURPOSE,), orders=DEFAULT_ORDERS)
        point = base64.b64decode(self.installation.services.public_keys().sealing_key)
        custodian_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        write_sealed_package(
            directory,
            (records or table_records()).batches,
            SealedDeclaration(tenant, schema, limits, parent),
            custodian_key,
            self.upload_key,
        )
        return SealedPackage(directory, self.upload_key.public_key())

    def register(self, package: SealedPackage) -> None:
        """Register a package's descriptor."""
        body = DatasetCreate(
            envelope=Envelope(**json.loads(package.envelope)),
            sealed_key=base64.b64encode(package.sealed_key()).decode(),
            name="a sealed data set",
        )
        self.installation.services.register_dataset(self.caller, body, None)

    def ready(self, package: SealedPackage | None = None, **choices: Any) -> SealedDescriptor:
        """Take a package the whole way to a data set that is ready."""
        package = package or self.package(**choices)
        self.register(package)
        services, dataset_id = self.installation.services, package.descriptor.dataset_id
        for part in package.blobs():
            stream = io.BytesIO(package.path(part).read_bytes())
            services.upload_blob(self.caller, dataset_id, part.digest, 0, stream, part.bytes)
        assert services.finish_upload(self.caller, dataset_id).state == "ready"
        return package.descriptor

    def request(self, dataset_id: str, epsilon: float = 3.0, steps: int = 40, **settings: Any) -> TrainingRequest:
        """Return a request for a quick job."""
        sealed = settings.pop("sealed", QUICK)
        return TrainingRequest(
            dataset_id=dataset_id,
            algorithm=SEALED,
            purpose=PURPOSE,
            epsilon=epsilon,
            delta=1e-5,
            steps=steps,
            sealed=sealed,
            **settings,
        )

    def submit(self, dataset_id: str, **settings: Any) -> JobView:
        """Submit a quick job."""
        body = JobSubmit(**self.request(dataset_id, **settings).model_dump())
        return self.installation.services.submit_job(self.caller, body, None)

    def finished(self, job: JobView) -> JobView:
        """Carry out all work there is, and return the job."""
        self.installation.run()
        return self.installation.services.show_job(self.caller, job.id)


def sealed_owner(home: Path, database_url: str | None = None) -> SealedOwner:
    """A fresh installation with one data owner."""
    installation = Installation(home, database_url or f"sqlite:///{home}/test.db")
    return SealedOwner(installation, installation.caller("olivia"))
