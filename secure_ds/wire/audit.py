"""Messages about the audit log."""

from typing import Annotated, Any, Literal

from pydantic import Field

from secure_ds.wire.base import Count, DatasetId, JobId, Message, ModelId, PageQuery, Timestamp

Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:@/-]{1,128}$")]
FreeText = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,128}$")]


class AuditQuery(PageQuery):
    """Which entries to show, newest first; every filter given must hold. `since` is inclusive, `until` is not."""

    actor: Word | None = None
    action: Word | None = None
    outcome: Literal["allowed", "denied", "done", "failed"] | None = None
    dataset_id: DatasetId | None = None
    job_id: JobId | None = None
    model_id: ModelId | None = None
    object_id: Word | None = None
    request_id: Word | None = None
    since: Timestamp | None = None
    until: Timestamp | None = None
    text: FreeText | None = Field(default=None, description="appears anywhere in the entry, whatever the case")


class ExportQuery(Message):
    """How to export: `jsonl` can be verified offline, `csv` is for spreadsheets."""

    form: Literal["jsonl", "csv"] = "jsonl"


class InclusionQuery(Message):
    """Prove that entry `index` is in the tree of `size` entries; without a size, the present tree."""

    index: Count
    size: Count | None = None


class ConsistencyQuery(Message):
    """Prove that the tree of `new_size` entries (without a size, the present tree) continues that of `old_size`."""

    old_size: Count
    new_size: Count | None = None


class EntryView(Message):
    """One audit entry, as stored (its canonical bytes are in exports)."""

    index: int
    time: str
    actor: str
    tenant: str
    action: str
    outcome: str
    dataset_id: str | None = None
    job_id: str | None = None
    model_id: str | None = None
    object_id: str | None = None
    request_id: str | None = None
    entry: dict[str, Any]


class CheckpointView(Message):
    """The latest signed checkpoint, in C2SP signed-note text."""

    size: int
    checkpoint: str


class InclusionProofView(Message):
    """An RFC 9162 inclusion proof; hashes in hex, leaf to root."""

    index: int
    size: int
    leaf_hash: str
    path: list[str]


class ConsistencyProofView(Message):
    """An RFC 9162 consistency proof between two tree sizes; hashes in hex."""

    old_size: int
    new_size: int
    path: list[str]
