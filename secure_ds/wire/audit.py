"""Messages about the audit log."""

from typing import Any

from secure_ds.wire.base import Message


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
