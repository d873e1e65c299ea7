"""Verifies what is smaller than an export: one entry under a checkpoint, and one checkpoint under another."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from audit.verify.entry_check import FormatError, parse_entry, parse_hash, parse_number
from audit.verify.keys import TrustedKey
from audit.verify.note_check import NoteError, TreeHead, UntrustedNoteError, open_tree_head
from audit.verify.report import FindingKind, Report
from audit.verify.tree import BrokenProofError, GrowingTree, hash_leaf, root_by_inclusion, roots_by_consistency

PROOF_FORMAT: Final = "secure-ds/audit-proof/v1"
_PROOF_FIELDS: Final = frozenset({"@format", "checkpoint", "entry", "inclusion", "index"})


def verify_entry_proof(document: Mapping[str, Any], keys: Sequence[TrustedKey]) -> Report:
    """Verify an entry with its inclusion proof and checkpoint.

    Args:
        document: the JSON document `secure-ds/audit-proof/v1`.
        keys: public keys of the log; their name is the log's origin.

    Returns:
        A report. `report.ok` means: the log signed a tree that has exactly this entry at this index.
    """
    report = Report()
    if document.get("@format") != PROOF_FORMAT or document.keys() != _PROOF_FIELDS:
        report.add(FindingKind.MALFORMED_EXPORT, f"the fields are not those of {PROOF_FORMAT}")
        return report
    head = _open(document["checkpoint"], keys, report)
    if head is not None:
        _check_inclusion(document, head, report)
    return report


def verify_growth(older: str, newer: str, proof: Sequence[str], keys: Sequence[TrustedKey]) -> Report:
    """Verify that a checkpoint extends an older one: that nothing before it was changed or cut.

    Args:
        older: note of the checkpoint kept from earlier.
        newer: note of the present checkpoint.
        proof: consistency proof between them, hashes in hex; empty for equal sizes and for an empty older log.
        keys: public keys of the log.

    Returns:
        A report. `report.ok` means: the log signed both, and the older tree is a prefix of the newer.
    """
    report = Report()
    before, after = _open(older, keys, report), _open(newer, keys, report)
    if before is None or after is None:
        return report
    report.first = before.size
    if before.origin != after.origin:
        report.add(FindingKind.INVALID_CHECKPOINT, f"checkpoints of two logs: {before.origin!r} and {after.origin!r}")
    elif before.size > after.size:
        message = f"the older checkpoint has {before.size} entries, the newer {after.size}"
        report.add(FindingKind.CUT_TAIL, message, index=after.size, size=before.size)
    else:
        _check_consistency(before, after, proof, report)
    return report


def _check_inclusion(document: Mapping[str, Any], head: TreeHead, report: Report) -> None:
    index = None
    try:
        index = report.first = parse_number(document["index"])
        entry = parse_entry(document["entry"])
        path = [parse_hash(node) for node in document["inclusion"]]
        root = root_by_inclusion(index, head.size, hash_leaf(document["entry"].encode()), path)
    except (FormatError, TypeError, ValueError) as error:
        report.add(FindingKind.MALFORMED_ENTRY, f"the proof cannot be read: {error}", index=index)
        return
    except BrokenProofError as error:
        report.add(FindingKind.ROOT_MISMATCH, f"the inclusion proof fails: {error}", index=index, size=head.size)
        return
    report.shown = 1
    if entry["index"] != str(index):
        report.add(FindingKind.MISPLACED_ENTRY, f"the entry says that it is entry {entry['index']}", index=index)
    if root != head.root:
        message = f"entry {index} is not in the tree signed at size {head.size}"
        report.add(FindingKind.ROOT_MISMATCH, message, index=index, size=head.size)


def _check_consistency(before: TreeHead, after: TreeHead, proof: Sequence[str], report: Report) -> None:
    try:
        path = [parse_hash(node) for node in proof]
        roots = _expected_roots(before, after, path)
    except (FormatError, BrokenProofError) as error:
        report.add(FindingKind.ROOT_MISMATCH, f"the consistency proof fails: {error}", size=after.size)
        return
    if roots[0] != before.root:
        report.add(FindingKind.ROOT_MISMATCH, f"the proof gives another root at size {before.size}", size=before.size)
    if roots[1] != after.root:
        report.add(FindingKind.ROOT_MISMATCH, f"the proof gives another root at size {after.size}", size=after.size)


def _expected_roots(before: TreeHead, after: TreeHead, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Return the roots that the proof stands for; from an empty log there is nothing to prove but its empty root."""
    if before.size > 0:
        return roots_by_consistency(before.size, after.size, before.root, path)
    if path:
        raise BrokenProofError("an empty log needs no proof")
    empty = GrowingTree().root()
    return empty, after.root if after.size else empty


def _open(note: object, keys: Sequence[TrustedKey], report: Report) -> TreeHead | None:
    try:
        head = open_tree_head(note, keys)
    except UntrustedNoteError as error:
        report.add(FindingKind.UNTRUSTED_CHECKPOINT, str(error))
        return None
    except NoteError as error:
        report.add(FindingKind.INVALID_CHECKPOINT, str(error))
        return None
    report.origin, report.size = head.origin, max(report.size, head.size)
    report.checkpoints += 1
    return head
