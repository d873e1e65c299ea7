"""Evidence that leaves the service: exports for the offline verifier, proofs of single entries, tables for people.

Rules of this module:
1. Everything streams; an export of any length needs the memory of one batch.
2. An export ends at a signed checkpoint. Entries after it are not evidence yet and are left out.
3. An export for a tenant shows that tenant's entries. Of others it shows leaf hashes alone, which their salts make
   meaningless, so the whole tree can still be rebuilt.

JSON Lines, in this order (integers as decimal strings, hashes in hex):

    {"@format": "secure-ds/audit-export/v1", "origin", "tenant", "first", "size", "frontier": [hash, ...]}
    {"index", "leaf_hash", "entry": "<canonical bytes as text>"}     an entry shown
    {"index", "leaf_hash"}                                           an entry of another tenant
    {"checkpoint": "<note>"}                                         after the entry that completes its tree

`frontier` holds the complete subtrees of the entries before `first`. The last line is the checkpoint of `size`.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any, Final

import rfc8785

from audit.checkpoint import Checkpoint, unverified_checkpoint
from audit.entry import FORMAT_FIELD, Entry, format_time
from audit.errors import NotCheckpointed
from audit.log import AuditLog
from audit.query import LogEntry

EXPORT_FORMAT: Final = "secure-ds/audit-export/v1"
PROOF_FORMAT: Final = "secure-ds/audit-proof/v1"
CSV_COLUMNS: Final = (
    "index",
    "time",
    "tenant",
    "actor_id",
    "actor_kind",
    "actor_roles",
    "action",
    "outcome",
    "dataset_id",
    "job_id",
    "model_id",
    "object_id",
    "request_id",
)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
_BATCH: Final = 500  # entries between two looks for checkpoints


def export_json_lines(log: AuditLog, *, tenant: str | None, first: int = 0) -> Iterator[str]:
    """Return the lines of an export up to the latest checkpoint, each ending in a newline.

    Args:
        log: the log, on one read transaction for as long as lines are taken.
        tenant: whose entries are shown in full; `None` for all of them.
        first: index of the first entry.

    Raises:
        NotCheckpointed: there is no checkpoint beyond `first` yet. Raised at once, not at the first line.
    """
    checkpoint = _latest(log)
    if checkpoint.size <= first:
        raise NotCheckpointed(f"the latest checkpoint has {checkpoint.size} entries; nothing from {first} on is signed")
    header = {
        FORMAT_FIELD: EXPORT_FORMAT,
        "origin": checkpoint.origin,
        "tenant": tenant,
        "first": str(first),
        "size": str(checkpoint.size),
        "frontier": [node.hex() for node in log.frontier(first)],
    }
    return _lines(header, log, tenant, first, checkpoint.size)


def entry_proof(log: AuditLog, index: int) -> dict[str, Any]:
    """Return an entry with its inclusion proof under the latest checkpoint, as a JSON document for the verifier.

    Raises:
        OutOfRange: the log has no such entry.
        NotCheckpointed: no checkpoint covers the entry yet.
    """
    stored = log.entry(index)
    note = log.latest_checkpoint()
    if note is None or (size := unverified_checkpoint(note).size) <= index:
        raise NotCheckpointed(f"entry {index} is recorded, and waits for the next checkpoint to be provable")
    return {
        FORMAT_FIELD: PROOF_FORMAT,
        "index": str(index),
        "entry": stored.data.decode(),
        "inclusion": [node.hex() for node in log.inclusion_proof(index, size)],
        "checkpoint": note,
    }


def export_csv(entries: Iterable[LogEntry]) -> Iterator[str]:
    """Yield a table of entries for spreadsheets: a heading, then one row each, RFC 4180.

    A cell that a spreadsheet would run as a formula is led by an apostrophe. The table proves nothing.
    """
    yield _csv_row(CSV_COLUMNS)
    for stored in entries:
        yield _csv_row(_cells(stored.read()))


def _lines(header: dict[str, Any], log: AuditLog, tenant: str | None, first: int, size: int) -> Iterator[str]:
    yield _line(header)
    for start in range(first, size, _BATCH):
        end = min(start + _BATCH, size)
        notes = {unverified_checkpoint(note).size: note for note in log.checkpoints(start + 1, end + 1)}
        for stored in log.walk(start, end):
            yield _line(_leaf(stored, tenant))
            if stored.index + 1 in notes:
                yield _line({"checkpoint": notes[stored.index + 1]})


def _leaf(stored: LogEntry, tenant: str | None) -> dict[str, Any]:
    leaf = {"index": str(stored.index), "leaf_hash": stored.leaf_hash.hex()}
    if tenant is None or stored.read().draft.tenant == tenant:
        leaf["entry"] = stored.data.decode()
    return leaf


def _latest(log: AuditLog) -> Checkpoint:
    note = log.latest_checkpoint()
    if note is None:
        raise NotCheckpointed("the log has no checkpoint yet; nothing can be proven before the first")
    return unverified_checkpoint(note)


def _line(document: dict[str, Any]) -> str:
    return rfc8785.dumps(document).decode() + "\n"


def _cells(entry: Entry) -> list[str]:
    draft = entry.draft
    actor = (draft.actor.id, draft.actor.kind, " ".join(draft.actor.roles))
    objects = (draft.dataset_id, draft.job_id, draft.model_id, draft.object_id, draft.request_id)
    cells = (entry.index, format_time(entry.time), draft.tenant, *actor, draft.action, draft.outcome, *objects)
    return ["" if cell is None else str(cell) for cell in cells]


def _csv_row(cells: Iterable[str]) -> str:
    row = io.StringIO()
    csv.writer(row).writerow("'" + cell if cell.startswith(_FORMULA_STARTS) else cell for cell in cells)
    return row.getvalue()
