"""Messages between the service's processes and the key custodian, over its Unix socket.

No message carries a secret key, in either direction but one: `KeyRegistration.sealed_key`, which only the custodian's
HSM can open.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from secure_ds.wire.base import Base64, CollaborationId, DatasetId, Digest, JobId, Message, ModelId, integral_only
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.jobs import TrainingRequest

Count = Annotated[int, Field(ge=0, lt=2**53), BeforeValidator(integral_only)]


class Submitter(Message):
    """The verified attributes of the person for whom the service asks."""

    id: str
    tenant: str
    roles: list[str]
    purposes: list[str]
    clearance: int = Field(ge=0, le=3)


class KeyRegistration(Message):
    """Hand a data set's sealed secret key to the custodian, with the limits its owner signed.

    Without a key: the data set is under the key of a collaboration that the custodian made.
    """

    envelope: Envelope
    sealed_key: Base64 | None
    owner: str


class GroupCreation(Message):
    """Ask for the keys of a collaboration, to be made in the custodian."""

    collaboration_id: CollaborationId
    called_by: str
    terms: dict[str, Any] = Field(description="of the statement: `secure_ds.data.collaboration.Terms`")


class GroupKeys(Message):
    """The signed statement, and every file that it names, in its order. None of them is secret."""

    envelope: Envelope
    files: list[Base64]


class ConsentMessage(Message):
    """Hand a data set owner's consent, or its withdrawal, to the custodian."""

    dataset_id: DatasetId
    envelope: Envelope


class ConsentReceipt(Message):
    """The custodian's signed word that it has a consent and acts by it."""

    envelope: Envelope


class NormCheck(Message):
    """Ask whether one block's records are normalised: the two ciphertexts of the upload check."""

    dataset_id: DatasetId
    block: Count
    norms: Base64
    labels: Base64


class NormVerdict(Message):
    """The one bit that leaves the check."""

    passed: bool


class GrantRequest(Message):
    """Ask for the use of a data set's key for one job under one plan."""

    job_id: JobId
    request: TrainingRequest
    dataset_ids: list[DatasetId] = Field(min_length=1, description="of the job, in the order of the ids")
    plan_digest: Digest
    submitter: Submitter
    request_id: str


class Grant(Message):
    """The custodian's signed consent; kept with the job, shown at every step."""

    envelope: Envelope


class StepQuestion(Message):
    """One step's packed ciphertexts, in the order of the plan's releases; the answer is their noisy sums."""

    grant: Envelope
    job_id: JobId
    step: Count
    fence: Count
    weights_digest: Digest
    ciphertexts: list[Base64] = Field(min_length=1, max_length=256)


class StepAnswer(Message):
    """Noisy sums on the plan's public grid, as integers in text; the same for every repetition of the question."""

    step: Count
    answer: list[str]
    replayed: bool


class CertificateRequest(Message):
    """Ask for a certificate of a trained model; the custodian fills in what it knows itself."""

    grant: Envelope
    job_id: JobId
    model_id: ModelId
    weights_digest: Digest
    entry_index: Count = Field(description="the audit entry that records the model, to be proven in the certificate")


class Certificate(Message):
    """The signed certificate: a DSSE envelope around an in-toto statement."""

    envelope: Envelope


class Nothing(Message):
    """A question without arguments."""


class Registered(Message):
    """The key is in custody."""

    rotation_key: Base64 | None = Field(description="moves answers to the new key, when the data set succeeds another")


class CheckpointSize(Message):
    """The size of the tree that was signed."""

    size: Count


class DecryptionQuestion(Message):
    """Ask for a data set's count."""

    dataset_id: DatasetId


class DecryptionCount(Message):
    """How often a data set's key has decrypted, and how often it may in its life."""

    dataset_id: DatasetId
    used: Count = Field(description="noisy answers given")
    limit: Count
    prior: Count = Field(description="noisy answers that earlier keys of the same files were allowed")
    checks: Count = Field(description="norm checks decrypted, of which one bit each left the custodian")


class CustodianHealth(Message):
    """What the custodian says of itself."""

    keystore: str
    token: str
    keys: list[dict[str, Any]]


class CustodianError(Message):
    """A refusal: a stable code and a sentence."""

    code: str
    detail: str
    remedy: str | None = None
