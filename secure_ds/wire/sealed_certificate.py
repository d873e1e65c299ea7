"""The certificate's statement of a model trained on sealed records: an in-toto Statement v1 in a DSSE envelope."""

from typing import Any, Final, Literal

from pydantic import Field

from secure_ds.wire.base import DatasetId, Digest, JobId, Message
from secure_ds.wire.certificate import Subject

SEALED_PREDICATE_TYPE: Final = "urn:secure-ds:sealed-training:v1"


class SealedDataClaim(Message):
    """Which data, under which limits; the descriptor's digest commits to every sealed part."""

    id: DatasetId
    tenant: str
    descriptor_digest: Digest
    n_rows: int
    n_units: int
    unit: str
    records: dict[str, Any] = Field(description="the schema, public, as its owner signed it")
    upload_key: str
    limit_epsilon: float
    limit_delta: float


class SealedPrivacyClaim(Message):
    """The guarantee, with everything it depends on."""

    epsilon: float = Field(description="of everything this job released, at `delta`: the tightest valid bound")
    delta: float
    bounds: dict[str, float] = Field(description="epsilon by every accountant of the custodian, with its version")
    neighbours: str
    unit: str
    event: dict[str, Any] = Field(description="what the accountants were given; the plan has the mechanism")
    steps_released: int
    norms: Literal["clipped"] = "clipped"


class EvidenceClaim(Message):
    """What a one-run audit with canaries found; said by the trainer, signed with its session's key."""

    canaries: int
    guesses: int
    correct: int
    epsilon_lower_bound: float
    confidence: float
    effect: str = Field(description="what the canaries did to the model")


class SealedCustodyClaim(Message):
    """Who held the data key."""

    keystore: str
    sessions: list[str] = Field(description="signing keys of the trainers that were given the key, one a takeover")


class SealedPredicate(Message):
    """Everything the certificate claims."""

    job_id: JobId
    purpose: str
    algorithm: str
    plan: dict[str, Any]
    plan_digest: Digest
    data: list[SealedDataClaim] = Field(min_length=1)
    privacy: SealedPrivacyClaim
    evidence: EvidenceClaim | None = Field(description="null: the job asked for no audit")
    custody: SealedCustodyClaim
    trust: list[str]
    code_version: str
    policy_version: str
    audit: dict[str, Any] = Field(description="the log's entry about this model, its inclusion proof, the checkpoint")
    issued_at: str


class SealedStatement(Message):
    """An in-toto Statement v1."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Subject] = Field(min_length=1, max_length=1)
    predicateType: Literal["urn:secure-ds:sealed-training:v1"]  # noqa: N815  in-toto's name
    predicate: SealedPredicate
