"""The audit log: query, export, proofs."""

from collections.abc import Iterator

from flask import Response

from api.openapi import OperationBlueprint
from api.openapi.answers import primed
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.audit import (
    AuditQuery,
    CheckpointView,
    ConsistencyProofView,
    ConsistencyQuery,
    EntryView,
    ExportQuery,
    InclusionProofView,
    InclusionQuery,
)
from secure_ds.wire.base import Page

audit = OperationBlueprint("audit", "The tamper-evident log of every operation; reading it is an operation too.")
MEDIA_TYPES = {"jsonl": "application/x-ndjson", "csv": "text/csv"}


@audit.operation("GET", "/v1/audit/entries", problems=(404,))
def query_audit(verbs: Verbs, caller: Caller, query: AuditQuery) -> Page[EntryView]:
    """Search the log."""
    return verbs.query_audit(caller, query)


@audit.operation("GET", "/v1/audit/export", media=tuple(MEDIA_TYPES.values()))
def export_audit(verbs: Verbs, caller: Caller, query: ExportQuery) -> Response:
    """Export the log, for verification offline (`jsonl`) or for a spreadsheet (`csv`)."""
    pieces: Iterator[bytes] = primed(verbs.export_audit(caller, query.form))
    return Response(pieces, mimetype=MEDIA_TYPES[query.form])


@audit.operation("GET", "/v1/audit/checkpoint", problems=(404,))
def latest_checkpoint(verbs: Verbs, caller: Caller) -> CheckpointView:
    """Return the latest signed checkpoint."""
    return verbs.latest_checkpoint(caller)


@audit.operation("GET", "/v1/audit/proofs/inclusion", problems=(404,))
def prove_inclusion(verbs: Verbs, caller: Caller, query: InclusionQuery) -> InclusionProofView:
    """Prove that an entry is in the log (RFC 9162)."""
    return verbs.prove_inclusion(caller, query.index, query.size)


@audit.operation("GET", "/v1/audit/proofs/consistency", problems=(404,))
def prove_consistency(verbs: Verbs, caller: Caller, query: ConsistencyQuery) -> ConsistencyProofView:
    """Prove that the log was only appended to (RFC 9162)."""
    return verbs.prove_consistency(caller, query.old_size, query.new_size)
