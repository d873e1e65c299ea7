"""The rows of the store, as frozen values. A field has the name of its column; times are in UTC."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.lifecycle import JobState
from secure_ds.jobs.prediction import PredictionState

SEALED_PARAMETERS: Final = "sealed"  # stands where an encrypted data set names its ring


@dataclass(frozen=True, slots=True)
class UserRow:
    """A person, or one of the service's own processes, with the attributes that policies read."""

    id: str
    tenant: str
    name: str
    roles: frozenset[str]
    purposes: frozenset[str]
    clearance: int
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class TokenRow:
    """An API token; only the SHA-256 of its secret is known here."""

    id: str
    user_id: str
    secret_sha256: str
    created_at: datetime
    expires_at: datetime
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CollaborationRow:
    """Several tenants that train together; `envelope` is the custodian's signed statement, `tenant` called for it."""

    id: str
    tenant: str
    creator: str
    name: str
    purposes: frozenset[str]
    members: frozenset[str]
    n_features: int
    parameters: str
    feature_map: str
    statement_digest: str
    envelope: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """A data set's consent to its collaboration as its owner signed it; of a data set's consents the highest `number`
    holds."""

    dataset_id: str
    number: int
    collaboration_id: str
    verdict: str
    envelope: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSummary:
    """A data set without its envelope and its sealed key, which may be megabytes."""

    id: str
    tenant: str
    owner: str
    name: str
    state: DatasetState
    sensitivity: int
    purposes: frozenset[str]
    n_records: int
    n_features: int
    parameters: str
    feature_map: str
    descriptor_digest: str
    created_at: datetime
    refusal_code: str | None = None
    refusal_detail: str | None = None
    collaboration_id: str | None = None

    @property
    def is_sealed(self) -> bool:
        """Whether its records are sealed for a trainer, not encrypted for computing on ciphertexts."""
        return self.parameters == SEALED_PARAMETERS


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow(DatasetSummary):
    """A data set: its state here, the owner-signed envelope, and the CKKS secret key sealed to the custodian.

    There is no sealed key, and its bytes are empty, where the key is a collaboration's.
    """

    envelope: bytes
    sealed_key: bytes


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A file that the descriptor announces. `column` and `block` are absent for keys; `bytes` is its declared size."""

    digest: str
    kind: str
    column: int | None
    block: int | None
    bytes: int
    complete: bool = False


@dataclass(frozen=True, slots=True)
class SpendRow:
    """Budget taken by one released step, in units of 1e-12 mu^2; `digest` is that of the ciphertext released from."""

    dataset_id: str
    job_id: str
    step: int
    units: int
    digest: str
    spent_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    """A job. `plan` is what runs, `request` what was asked for, `grant` the custodian's signed permission; `dataset_id`
    is the first of its data sets in the order of their ids, and the only one outside a collaboration."""

    id: str
    tenant: str
    dataset_id: str
    submitter: str
    purpose: str
    algorithm: str
    state: JobState
    epsilon: float
    delta: float
    steps_total: int
    plan: dict[str, Any]
    plan_digest: str
    request: dict[str, Any]
    grant: bytes
    submitted_at: datetime
    finished_at: datetime | None = None
    failure: str | None = None
    cancel_requested: bool = False
    model_id: str | None = None
    steps_done: int = 0
    collaboration_id: str | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do a piece of work until `expires_at`; `fence` grows with every claim of that work.

    `domain` is the holder's trust domain, of work that comes in pairs; None of other work.
    """

    kind: str
    subject_id: str
    worker_id: str
    fence: int
    expires_at: datetime
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step whose release was paid for; `answer` holds the noisy sums on the public grid once they are known."""

    job_id: str
    step: int
    fence: int
    weights_digest: str
    ciphertext_digest: str
    units: int
    spent_at: datetime
    answer: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class AttestationRow:
    """One evaluator's signed word on what a step evaluates to (`secure_ds.jobs.evaluation`)."""

    job_id: str
    step: int
    evaluator: str
    domain: str
    plan_digest: str
    weights_digest: str
    ciphertext_digest: str
    signature: bytes
    attested_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of a job's stream; `seq` counts from 1 without gaps."""

    job_id: str
    seq: int
    event: str
    data: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A trained model. `released` is set once policy lets it leave; the certificate comes from the custodian."""

    id: str
    tenant: str
    job_id: str
    dataset_id: str
    algorithm: str
    weights: bytes
    weights_digest: str
    card: dict[str, Any]
    epsilon: float
    delta: float
    created_at: datetime
    certificate: bytes | None = None
    certificate_digest: str | None = None
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    """A network that was handed in; `file` is what `secure_ds.ckks.network_files` reads."""

    id: str
    tenant: str
    owner: str
    name: str
    digest: str
    file: bytes
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRow:
    """A request to apply a network to ciphertexts; `seconds` is what the evaluation took."""

    id: str
    tenant: str
    network_id: str
    submitter: str
    state: PredictionState
    plan: dict[str, Any]
    n_records: int
    created_at: datetime
    finished_at: datetime | None = None
    seconds: float | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class PredictionFileRow:
    """A file of a prediction: `kind` is key, input or output, `position` which of them, `bytes` its size."""

    digest: str
    kind: str
    position: int
    bytes: int
    complete: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyRow:
    """The answer given to a request that carried an idempotency key."""

    principal_id: str
    key: str
    request_digest: str
    status: int
    body: str
    created_at: datetime
