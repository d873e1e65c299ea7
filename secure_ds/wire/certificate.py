"""The certificate's statement: an in-toto Statement v1 that says how private a model is, and how it came to be.

It travels in a DSSE envelope signed by the custodian's HSM. Fields are only ever added, under a new predicate type.
"""

from typing import Any, Final, Literal

from pydantic import Field

from secure_ds.wire.base import DatasetId, Digest, JobId, Message, ModelId

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:secure-ds:private-training:v1"


class Subject(Message):
    """The model file, by name and SHA-256 (hexadecimal, as in-toto writes it)."""

    name: ModelId
    digest: dict[Literal["sha256"], str]


class DataSetClaim(Message):
    """Which data, under which limits; the descriptor's digest commits to every ciphertext block."""

    id: DatasetId
    tenant: str
    descriptor_digest: Digest
    n_records: int
    n_features: int
    classes: list[str]
    feature_map: dict[str, Any] = Field(description="public, and declared by the owner who signed the descriptor")
    upload_key: str
    limit_epsilon: float
    limit_delta: float
    rotation_key: Digest | None = Field(description="what moved answers to the key in use, if it was rotated")
    consent: dict[str, Any] | None = Field(
        description="the owner's last word on the collaboration, signed, an envelope"
    )
    norms: Literal["verified", "asserted"] = Field(
        description="whether every block passed the custodian's norm check; asserted: statistics that an owner computed"
    )


class PrivacyClaim(Message):
    """The guarantee, with everything it depends on."""

    epsilon: float
    delta: float
    mu_squared: float
    neighbours: str
    unit: str
    records_per_person: int
    accountant: str = Field(description="name and version")
    event: dict[str, Any]
    persons_in_several: list["SeveralClaim"] = Field(min_length=1)


class SeveralClaim(Message):
    """What holds for a person whose records are in several data sets trained on alike: mu times their number."""

    data_sets: int
    epsilon: float | None = Field(description="null: nothing up to epsilon = 100 can be stated at this delta")


class CustodyClaim(Message):
    """How the released decryptions are protected against key recovery."""

    statistical_bits: float = Field(
        description="s over tau answers, tau: the limits of this key and of those before it"
    )
    max_decryptions: int = Field(description="answers that this key may give in its life")
    prior_decryptions: int = Field(description="answers that earlier keys of the same files were allowed")
    decryptions_used: int
    keystore: str
    security_table: str


class EvaluationClaim(Message):
    """Who vouches for the ciphertexts that were decrypted."""

    dual: bool = Field(description="whether no step was answered before two trust domains attested the same")
    domains: list[str] = Field(description="trust domains that attested steps; empty without dual evaluation")
    statement: str


class LedgerEntry(Message):
    """One release: what it was computed from, and what it cost every data set in 1e-12 of mu squared."""

    step: int
    weights_digest: Digest
    ciphertext_digest: Digest
    units: str
    attested_by: list[str] = Field(description="trust domains that evaluated the step alike")


class Predicate(Message):
    """Everything the certificate claims."""

    job_id: JobId
    purpose: str
    algorithm: str
    collaboration: dict[str, Any] | None = Field(
        description="the collaboration's statement, an envelope signed with the certificate key; null where each data "
        "set has a key of its own"
    )
    plan: dict[str, Any]
    plan_digest: Digest
    data: list[DataSetClaim] = Field(min_length=1)
    privacy: PrivacyClaim
    custody: CustodyClaim
    evaluation: EvaluationClaim
    ledger: list[LedgerEntry]
    trust: list[str]
    code_version: str
    policy_version: str
    audit: dict[str, Any] = Field(description="the log's entry about this model, its inclusion proof, the checkpoint")
    issued_at: str


class Statement(Message):
    """An in-toto Statement v1."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Subject] = Field(min_length=1, max_length=1)
    predicateType: Literal["urn:secure-ds:private-training:v1"]  # noqa: N815  in-toto's name
    predicate: Predicate
