"""The whole way of a record: sealed by its owner, stored by a service that cannot read it, opened by one trainer."""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.client.sealed_package import SealedDeclaration, SealedPackage, write_sealed_package
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller
from secure_ds.data.errors import ContainerRefused
from secure_ds.data.records import Records
from secure_ds.data.sealed.container import OpenedRecords, open_container
from secure_ds.data.sealed.descriptor import SealedDescriptor, SealedLimits
from secure_ds.data.sealed.key import open_data_key, session_info
from secure_ds.data.sealed.schema import ImageSchema, Label
from secure_ds.privacy.renyi import DEFAULT_ORDERS
from secure_ds.wire.datasets import DatasetCreate, Envelope
from secure_ds.wire.jobs import JobSubmit
from secure_ds.wire.sealed import SealedKeyRequest
from tests.custodian.sealed.jobs import Trainer, claim
from tests.installation import Installation

SCHEMA = ImageSchema(column="image", channels=1, height=4, width=4, label=Label(column="kind", classes=("a", "b")))
LIMITS = SealedLimits(epsilon=8.0, delta=1e-5, purposes=("research",), orders=DEFAULT_ORDERS)
N_ROWS = 2000


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (N_ROWS, 4, 4), dtype=np.uint8)


def sealed_dataset(installation: Installation, owner: Caller, seed: int) -> SealedDescriptor:
    """Take records the whole way to a data set that is ready, with the service's own use cases."""
    records = Records({"image": pixels(seed), "kind": np.array(["a", "b"] * (N_ROWS // 2))})
    point = base64.b64decode(installation.services.public_keys().sealing_key)
    custodian_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    upload_key, directory = Ed25519PrivateKey.generate(), installation.home / new_id("req")
    declaration = SealedDeclaration("clinic", SCHEMA, LIMITS)
    write_sealed_package(directory, records.batches, declaration, custodian_key, upload_key)
    package = SealedPackage(directory, upload_key.public_key())
    body = DatasetCreate(
        envelope=Envelope(**json.loads(package.envelope)),
        sealed_key=base64.b64encode(package.sealed_key()).decode(),
        name="scans",
    )
    dataset_id = installation.services.register_dataset(owner, body, None).id
    for part in package.blobs():
        stream = io.BytesIO(package.path(part).read_bytes())
        installation.services.upload_blob(owner, dataset_id, part.digest, 0, stream, part.bytes)
    assert installation.services.finish_upload(owner, dataset_id).state == "ready"
    return package.descriptor


def submitted(installation: Installation, owner: Caller, descriptor: SealedDescriptor) -> tuple[str, str, Envelope]:
    """Submit a job; return its id, the digest of its plan, and the custodian's grant."""
    body = JobSubmit(
        dataset_id=descriptor.dataset_id,
        algorithm="sealed_dp_sgd",
        purpose="research",
        epsilon=2.0,
        delta=1e-5,
        steps=20,
    )
    view = installation.services.submit_job(owner, body, None)
    with installation.store.read() as work:
        row = work.jobs.get(view.id)
    assert row is not None
    return row.id, row.plan_digest, Envelope.model_validate_json(row.grant)


@pytest.mark.parametrize("swap_parts", [False, True])
def test_a_record_is_opened_by_its_jobs_trainer_and_by_nobody_else(tmp_path: Path, swap_parts: bool) -> None:
    installation = Installation(tmp_path, f"sqlite:///{tmp_path / 'service.db'}")
    owner = installation.caller()
    mine, theirs = (sealed_dataset(installation, owner, seed) for seed in (1, 2))
    job_id, plan_digest, grant = submitted(installation, owner, mine)
    fence, trainer = claim(installation.custodian, job_id), Trainer()
    question = SealedKeyRequest(
        grant=grant,
        job_id=job_id,
        fence=fence,
        session_key=trainer.session_key,
        signing_key=trainer.signing_key,
    )
    released = installation.context.custody.release_keys(question)
    info = session_info(job_id, plan_digest, fence, mine.dataset_id, trainer.session_key)
    data_key = open_data_key(released.key_of(mine.dataset_id), trainer.session, info)

    def opened(descriptor: SealedDescriptor, read_from: SealedDescriptor) -> OpenedRecords:
        places = {part.digest: other.digest for part, other in zip(descriptor.parts, read_from.parts, strict=True)}
        return open_container(
            descriptor,
            data_key,
            lambda part: installation.context.blobs.file(read_from.dataset_id, places[part.digest]).read_bytes(),
        )

    if swap_parts:
        for descriptor, read_from in ((mine, theirs), (theirs, theirs), (theirs, mine)):
            with pytest.raises(ContainerRefused):
                opened(descriptor, read_from)
    else:
        np.testing.assert_array_equal(opened(mine, mine).inputs[:, 0], pixels(1))
