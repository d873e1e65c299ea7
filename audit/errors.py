"""Everything this room raises. Each class carries a `code` that callers may rely on; messages may improve over time.

Caller mistakes (`InvalidEntry`, `InvalidCursor`, `OutOfRange`) are apart from hostile or damaged data (`InvalidProof`,
`InvalidCheckpoint`, `CheckpointConflict`) and from a log that cannot be reached (`AuditUnavailable`).
"""

from typing import ClassVar


class AuditError(Exception):
    """Root of the errors of this room."""

    code: ClassVar[str] = "audit_error"


class AuditUnavailable(AuditError):
    """The log could not be read or written in time; the operation it should record must not happen."""

    code = "audit_unavailable"


class InvalidEntry(AuditError):
    """An entry's fields or bytes do not follow the format."""

    code = "invalid_audit_entry"


class EventConflict(AuditError):
    """An event id was used before for a different entry."""

    code = "audit_event_conflict"


class InvalidCursor(AuditError):
    """A page cursor was not made by this log."""

    code = "invalid_cursor"


class OutOfRange(AuditError):
    """An index or a tree size lies beyond the log."""

    code = "audit_out_of_range"


class InvalidProof(AuditError):
    """An inclusion or consistency proof does not hold."""

    code = "invalid_proof"


class InvalidCheckpoint(AuditError):
    """A checkpoint is malformed, or no trusted key signed it."""

    code = "invalid_checkpoint"


class NotCheckpointed(AuditError):
    """What was asked for is not yet under a signed checkpoint; wait for the next one."""

    code = "not_checkpointed"


class CheckpointConflict(AuditError):
    """A checkpoint contradicts the log, or another checkpoint of it."""

    code = "checkpoint_conflict"
