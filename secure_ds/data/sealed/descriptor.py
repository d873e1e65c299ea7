"""The descriptor of a sealed data set: what its owner signs, and what everyone later holds them and us to.

Rules kept here:

1. A descriptor is public and complete: schema, unit, limits, counts, and the digest of every part.
2. It has one spelling: canonical JSON (RFC 8785) alone is accepted, so one descriptor has one digest.
3. It is signed under a payload type of its own, so it never passes for an encrypted data set's, or the other way round.
4. Records that are sealed again, or that were encrypted before, name that data set: they share its budget.
"""

import math
from functools import lru_cache
from typing import Annotated, Final, Literal, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, ValidationError, model_validator

from secure_ds.data import envelope
from secure_ds.data.descriptor import (
    NOT_CANONICAL,
    Closed,
    DatasetId,
    Digest,
    Document,
    FileReference,
    OwnerLimits,
    Tenant,
    UploadKey,
)
from secure_ds.data.errors import InvalidDescriptor, InvalidEnvelope
from secure_ds.data.problems import first_problem
from secure_ds.data.sealed.schema import DeclaredSchema
from secure_ds.data.signed import unverified_payload

PAYLOAD_TYPE: Final = "application/vnd.secure-ds.sealed-dataset+json"
FORMAT: Final = "secure-ds/sealed-dataset/1"
MAX_ROWS: Final = 2**32
MAX_PARTS: Final = 2**16

Order = Annotated[float, Field(gt=1, le=2**20)]


class SealedLimits(OwnerLimits):
    """What the owner allows, for the life of the data set; neighbours differ in one unit, added or removed.

    Attributes:
        orders: Renyi orders that the budget is counted at, ascending; each has `delta` / their number.
    """

    orders: Annotated[tuple[Order, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        if list(self.orders) != sorted(set(self.orders)):
            raise ValueError("orders must be ascending and distinct")
        return self


class Parent(Closed):
    """The data set that holds the same records already, encrypted or sealed, and whose budget goes on here."""

    dataset_id: DatasetId
    descriptor_digest: Digest


class Part(FileReference):
    """One file of the container, and how many rows it holds."""

    rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]


class SealedDescriptor(Document):
    """One sealed data set.

    Attributes:
        record_schema: what the records are, and whose data neighbours differ in.
        n_rows: rows of all parts together.
        n_units: privacy units that have a row; as many as rows where the unit is a record.
        parts: every part of the container, in order.
        sealed_key: the data key, sealed to the custodian.
        upload_key: raw Ed25519 public key that signs this descriptor, hexadecimal.
        parent: the data set whose budget this one inherits; absent for records that are new here.
    """

    format: Literal["secure-ds/sealed-dataset/1"] = FORMAT
    dataset_id: DatasetId
    tenant: Tenant
    limits: SealedLimits
    record_schema: DeclaredSchema
    n_rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    n_units: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MAX_PARTS)]
    sealed_key: FileReference
    upload_key: UploadKey
    parent: Parent | None

    @property
    def rows_per_unit(self) -> int:
        """Most rows of one privacy unit."""
        return self.record_schema.rows_per_unit

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if sum(part.rows for part in self.parts) != self.n_rows:
            raise ValueError("n_rows must be the sum of the rows of all parts")
        if len({part.digest for part in self.parts}) != len(self.parts):
            raise ValueError("two parts are the same file")
        least = math.ceil(self.n_rows / self.rows_per_unit)
        if not least <= self.n_units <= self.n_rows:
            raise ValueError(f"{self.n_rows} rows are of {least} to {self.n_rows} units under this schema")
        if self.parent is not None and self.parent.dataset_id == self.dataset_id:
            raise ValueError("a data set cannot be its own parent")
        return self


def parse_sealed_descriptor(data: bytes) -> SealedDescriptor:
    """Return the descriptor with these canonical bytes.

    Raises:
        InvalidDescriptor: they are not canonical JSON, or break a rule; the message names the field.
    """
    try:
        descriptor = SealedDescriptor.model_validate_json(data)
    except ValidationError as error:
        raise InvalidDescriptor(first_problem(error, "descriptor")) from None
    if descriptor.canonical != data:
        raise InvalidDescriptor(NOT_CANONICAL)
    return descriptor


def sign_sealed_descriptor(descriptor: SealedDescriptor, upload_key: Ed25519PrivateKey) -> bytes:
    """Return the envelope of a descriptor.

    Raises:
        InvalidEnvelope: the descriptor names another upload key.
    """
    _require_same_key(descriptor, upload_key.public_key())
    return envelope.sign(descriptor.canonical, upload_key, PAYLOAD_TYPE)


def open_sealed_descriptor(signed: bytes, upload_key: Ed25519PublicKey) -> SealedDescriptor:
    """Return the descriptor in an envelope that `upload_key` signed.

    Raises:
        InvalidEnvelope: the signature does not verify, or the descriptor names another upload key.
        InvalidDescriptor: the owner signed something that is no valid descriptor.
    """
    descriptor = parse_sealed_descriptor(envelope.verify(signed, upload_key, PAYLOAD_TYPE))
    _require_same_key(descriptor, upload_key)
    return descriptor


@lru_cache(maxsize=64)
def open_own_sealed_descriptor(signed: bytes) -> SealedDescriptor:
    """Return the descriptor of an envelope that is signed by the upload key the descriptor names.

    Raises:
        InvalidEnvelope: the envelope is malformed or its signature does not hold.
        InvalidDescriptor: what was signed is not a descriptor.
    """
    claimed = parse_sealed_descriptor(unverified_payload(signed))
    return open_sealed_descriptor(signed, Ed25519PublicKey.from_public_bytes(bytes.fromhex(claimed.upload_key)))


def is_sealed_envelope(signed: bytes) -> bool:
    """Tell, *unverified*, whether an envelope says that it carries a sealed data set's descriptor.

    Raises:
        InvalidEnvelope: the envelope is malformed.
    """
    return envelope.claimed_payload_type(signed) == PAYLOAD_TYPE


def _require_same_key(descriptor: SealedDescriptor, upload_key: Ed25519PublicKey) -> None:
    if descriptor.upload_key != upload_key.public_bytes_raw().hex():
        raise InvalidEnvelope
