"""Messages about collaborations: several tenants that train together under one key that none of them holds."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from secure_ds.wire.base import CollaborationId, DatasetId, Digest, Message, Purpose, integral_only
from secure_ds.wire.datasets import Envelope

Tenant = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
UploadKey = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="raw Ed25519 public key, hexadecimal")]
Records = Annotated[int, Field(ge=1, le=2**24), BeforeValidator(integral_only)]
Decryptions = Annotated[int, Field(ge=1, le=2**20), BeforeValidator(integral_only)]


class Member(Message):
    """Who is to take part: a tenant, and the key that signs its data sets and consents."""

    tenant: Tenant
    upload_key: UploadKey


class CollaborationCreate(Message):
    """Call for a collaboration. The caller's own tenant must be among the members.

    The keys are made in the custodian; what every member must have in common is fixed here.
    """

    name: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
    members: list[Member] = Field(min_length=2, max_length=64)
    purposes: list[Purpose] = Field(min_length=1, max_length=32)
    feature_map: dict[str, Any]
    classes: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(min_length=2, max_length=64)
    profile: str = Field(min_length=1, max_length=64, description="name of the CKKS profile")
    max_records: Records = Field(description="records that a job may be on, all data sets together")
    max_decryptions: Decryptions = Field(description="noisy answers that the group's key may ever give")
    dual_evaluation_required: bool = Field(default=False, description="every data set must demand dual evaluation")


class TakingPart(Message):
    """A data set of a collaboration, as its other members see it."""

    dataset_id: DatasetId
    tenant: str
    n_records: int
    state: str
    consent: str = Field(description="joined, or withdrawn")


class CollaborationView(Message):
    """A collaboration as its members see it."""

    id: CollaborationId
    tenant: str = Field(description="who called for it")
    name: str
    members: list[str]
    purposes: list[str]
    n_features: int
    feature_map: str
    parameters: str
    statement_digest: Digest
    created_at: str
    data_sets: list[TakingPart] = Field(description="those whose owners ever consented")


class ConsentGive(Message):
    """An owner's signed consent for a data set of theirs, or its withdrawal."""

    envelope: Envelope


class ConsentView(Message):
    """What became of a consent."""

    collaboration_id: CollaborationId
    dataset_id: DatasetId
    verdict: str
    number: int
    receipt: Envelope = Field(description="the custodian's signed word that it has the consent and acts by it")
