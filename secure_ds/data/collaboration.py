"""The statement of a collaboration: its members, its terms and its keys, signed by the custodian.

Rules kept here:

1. Everything that members must have in common is in the terms: feature map, ring, scale, tolerance, and the number of
   decryptions, which is the key's and so nobody's alone.
2. A member is a tenant with its upload key. A data set or a consent counts as a member's by that key alone: a tenant's
   name proves nothing, since whoever writes a descriptor chooses the name in it.
3. The custodian makes the keys and signs the statement; owners encrypt under it only after they checked that signature
   against the keys they pinned. A service that puts a public key of its own in place would need the custodian's.
4. It has one spelling (canonical JSON, RFC 8785), so one collaboration has one digest. Descriptors and consents name
   that digest.
"""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from secure_ds.ckks.key_files import KEY_NAMES, key_file_bytes
from secure_ds.core.digest import digest_bytes
from secure_ds.data.descriptor import (
    MAX_CLASSES,
    MAX_RECORDS,
    CkksParameters,
    Class,
    DatasetDescriptor,
    FileReference,
    GroupReference,
    KeyFile,
    Purpose,
    Tenant,
    UploadKey,
)
from secure_ds.data.errors import InvalidStatement
from secure_ds.data.feature_maps import FeatureMap
from secure_ds.data.problems import first_problem

PAYLOAD_TYPE: Final = "application/vnd.secure-ds.collaboration+json"
MAX_MEMBERS: Final = 64
Name = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Member(_Closed):
    """Who takes part.

    Attributes:
        upload_key: raw Ed25519 public key, hexadecimal; signs every descriptor and consent of the tenant's in here.
    """

    tenant: Tenant
    upload_key: UploadKey


class Terms(_Closed):
    """What the members agree on before any key exists.

    Attributes:
        name: what people call it.
        purposes: what training may be for; sorted, distinct. An owner may sign fewer.
        members: in the order of their tenants; at least two; no tenant and no key twice.
        feature_map: every member's records go through it.
        classes: names of the label's classes, in the order of the labels.
        input_scale: scale of every ciphertext, as `float.hex` writes it.
        eta: tolerance of the norm check, as `float.hex` writes it.
        max_records: records that all data sets of a job may have together; the tolerance is sized for them.
        max_decryptions: releases under the group's key, ever (the flooding noise is sized for it).
        dual_evaluation_required: whether every data set must demand it; where it is not, an owner still may.
    """

    name: Name
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=32)]
    members: Annotated[tuple[Member, ...], Field(min_length=2, max_length=MAX_MEMBERS)]
    feature_map: FeatureMap
    classes: Annotated[tuple[Class, ...], Field(min_length=2, max_length=MAX_CLASSES)]
    parameters: CkksParameters
    input_scale: str
    eta: str
    max_records: Annotated[int, Field(ge=1, le=MAX_RECORDS)]
    max_decryptions: Annotated[int, Field(ge=1, le=2**20)]
    dual_evaluation_required: bool = False

    @property
    def tenants(self) -> tuple[str, ...]:
        """The members' tenants, sorted."""
        return tuple(member.tenant for member in self.members)

    def upload_key_of(self, tenant: str) -> str | None:
        """The key that speaks for a tenant in here; None where it is no member."""
        return next((member.upload_key for member in self.members if member.tenant == tenant), None)

    @model_validator(mode="after")
    def _in_order_and_distinct(self) -> Self:
        for name, listed in (("purposes", self.purposes), ("members", self.tenants)):
            if list(listed) != sorted(set(listed)):
                raise ValueError(f"{name} must be sorted and distinct")
        if len({member.upload_key for member in self.members}) != len(self.members):
            raise ValueError("an upload key is listed for two members; each has one of its own")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed twice")
        return self


class Statement(_Closed):
    """A collaboration, as the custodian vouches for it.

    Attributes:
        called_by: the tenant that asked for it.
        public_key: records are encrypted under it.
        evaluation_keys: as a data set of its own key has them, of the group's secret key.
    """

    format: Literal["secure-ds/collaboration/2"] = "secure-ds/collaboration/2"
    collaboration_id: Annotated[str, Field(pattern=r"^collab_[a-z2-7]{26}$")]
    called_by: Tenant
    terms: Terms
    public_key: FileReference
    evaluation_keys: tuple[KeyFile, ...]

    @cached_property
    def canonical(self) -> bytes:
        """The canonical JSON bytes: what is signed and digested."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @cached_property
    def digest(self) -> str:
        """`sha256:` digest of `canonical`."""
        return digest_bytes(self.canonical)

    @property
    def reference(self) -> GroupReference:
        """What the descriptors of its data sets name."""
        return GroupReference(collaboration_id=self.collaboration_id, statement_digest=self.digest)

    @property
    def files(self) -> tuple[FileReference, ...]:
        """Every file of the group: the public key, then the evaluation keys."""
        return (self.public_key, *self.evaluation_keys)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.called_by not in self.terms.tenants:
            raise ValueError("called_by must be a member")
        if tuple(key.name for key in self.evaluation_keys) != KEY_NAMES:
            raise ValueError(f"evaluation_keys must be {', '.join(KEY_NAMES)}, in this order")
        for key in self.evaluation_keys:
            expected = key_file_bytes(key.name, self.terms.parameters)
            if key.bytes != expected:
                raise ValueError(f"{key.name} has {expected} bytes under these parameters")
        return self


def require_fits(statement: Statement, descriptor: DatasetDescriptor) -> None:
    """Hold a data set against the terms of its collaboration.

    Raises:
        InvalidStatement: it names another collaboration, its tenant is no member, the member's key did not sign it, or
            it departs from the terms.
    """
    terms = statement.terms
    agree = {
        "group": descriptor.group == statement.reference,
        "tenant (it must be a member)": descriptor.tenant in terms.tenants,
        "upload_key (it must be the one that the terms name for the tenant)": descriptor.upload_key
        == terms.upload_key_of(descriptor.tenant),
        "purposes (they must be among the collaboration's)": set(descriptor.limits.purposes) <= set(terms.purposes),
        "feature_map": descriptor.feature_map == terms.feature_map,
        "classes": descriptor.classes == terms.classes,
        "parameters": descriptor.parameters == terms.parameters,
        "input_scale": descriptor.input_scale == terms.input_scale,
        "eta": descriptor.eta == terms.eta,
        "max_records": descriptor.n_records <= terms.max_records,
        "max_decryptions": descriptor.limits.max_decryptions == terms.max_decryptions,
        "dual_evaluation_required": descriptor.limits.dual_evaluation_required >= terms.dual_evaluation_required,
        "evaluation_keys": descriptor.evaluation_keys == statement.evaluation_keys,
    }
    if differing := [name for name, same in agree.items() if not same]:
        raise InvalidStatement(f"the data set departs from the collaboration's terms: {', '.join(differing)}")


def parse_terms(value: Mapping[str, Any]) -> Terms:
    """Return the terms that a JSON object states.

    Raises:
        InvalidStatement: they cannot be; the message names the field.
    """
    try:
        return Terms.model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise InvalidStatement(first_problem(error, "statement")) from None


def parse_statement(data: bytes) -> Statement:
    """Return the statement with these canonical bytes; whether anybody signed them is the caller's to check.

    Raises:
        InvalidStatement: they are not canonical JSON, or break a rule; the message names the field.
    """
    try:
        statement = Statement.model_validate_json(data)
    except ValidationError as error:
        raise InvalidStatement(first_problem(error, "statement")) from None
    if statement.canonical != data:
        raise InvalidStatement("the statement must be canonical JSON (RFC 8785), without repeated fields")
    return statement
