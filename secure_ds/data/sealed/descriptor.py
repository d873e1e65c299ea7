"""The descriptor of a sealed data set: what its owner signs, and what everyone later holds them and us to.

Rules kept here:

1. A descriptor is public and complete: schema, unit, limits, counts, and the digest of every part.
2. It has one spelling: canonical JSON (RFC 8785) alone is accepted, so one descriptor has one digest.
3. Records that are sealed again, or that were encrypted before, name that data set: they share its budget.
"""

import math
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from secure_ds.data.descriptor import (
    Closed,
    DatasetId,
    Digest,
    Document,
    FileReference,
    OwnerLimits,
    Tenant,
    UploadKey,
    parse_document,
)
from secure_ds.data.sealed.schema import DeclaredSchema

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
        records: what the records are, and whose data neighbours differ in.
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
    records: DeclaredSchema
    n_rows: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    n_units: Annotated[int, Field(ge=1, le=MAX_ROWS)]
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MAX_PARTS)]
    sealed_key: FileReference
    upload_key: UploadKey
    parent: Parent | None

    @property
    def rows_per_unit(self) -> int:
        """Most rows of one privacy unit."""
        return self.records.rows_per_unit

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
    return parse_document(SealedDescriptor, data)
