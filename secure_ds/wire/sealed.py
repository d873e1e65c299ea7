"""Messages about sealed data sets between the service's processes and the key custodian.

A data key is in none of them but sealed to the session key of one trainer.
"""

import base64
from typing import Annotated

from pydantic import Field

from secure_ds.wire.base import Base64, DatasetId, JobId, Message
from secure_ds.wire.custodian import CertificateRequest, Count
from secure_ds.wire.datasets import Envelope

SessionKey = Annotated[str, Field(pattern=r"^04[0-9a-f]{128}$")]
SigningKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Signature = Annotated[str, Field(pattern=r"^[0-9a-f]{128}$")]


class SealedKeyRequest(Message):
    """Ask for the data keys of a job, sealed to the trainer that the holder of its lease has started."""

    grant: Envelope
    job_id: JobId
    fence: Count = Field(description="of the lease on the job's training")
    session_key: SessionKey = Field(description="the trainer's own P-256 key, an uncompressed point in hexadecimal")
    signing_key: SigningKey = Field(description="the trainer's own raw Ed25519 key, which will sign what it used")


class SealedKey(Message):
    """One data key, sealed to the session key; see `secure_ds.data.sealed.key.session_info` for what it is bound to."""

    dataset_id: DatasetId
    sealed_key: Base64


class SealedKeys(Message):
    """The data keys of a job, in the order of the data sets' ids."""

    keys: list[SealedKey]

    def key_of(self, dataset_id: str) -> bytes:
        """Return the sealed key of a data set of the job. Raises `KeyError`."""
        return base64.b64decode({key.dataset_id: key.sealed_key for key in self.keys}[dataset_id])


class SettleSealed(Message):
    """Hand over how many steps of an ended job were used, as its trainer signed: `secure_ds.jobs.settlement`."""

    statement: Annotated[str, Field(max_length=4096)] = Field(description="canonical JSON")
    signature: Signature = Field(description="Ed25519, by the signing key of the job's newest session")


class Settled(Message):
    """How many steps of the job stay charged."""

    job_id: JobId
    steps_charged: Count


class SealedCertificateRequest(CertificateRequest):
    """Ask for a certificate of a model that a job's trainer signed for: `secure_ds.jobs.sealed_model`."""

    statement: Annotated[str, Field(max_length=8192)] = Field(description="canonical JSON")
    signature: Signature = Field(description="Ed25519, by the signing key of the job's newest session")
