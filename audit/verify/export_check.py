"""Verifies an export line by line, in memory that grows with the logarithm of its length.

Rules of this module:
1. An entry stands for what was signed if its bytes hash to the leaf hash beside it, and the tree of the leaf hashes has
   the root of a signed checkpoint. Both are checked; the first names the entry, the second catches a forged pair.
2. Every checkpoint on the way is checked, so a rewritten stretch is pinned between two of them.
3. Once indexes are out of order there is no tree to rebuild: the disorder is the finding, and roots are left alone.
4. A checkpoint from earlier must lie on the way of the tree. If it lies beyond the end, the tail was cut.
5. An export for a tenant cannot prove that no entry of that tenant hides among the hashes of others; their count is in
   the report.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from audit.verify.entry_check import FormatError, parse_entry, parse_hash, parse_number, parse_object
from audit.verify.keys import TrustedKey
from audit.verify.note_check import NoteError, TreeHead, UntrustedNoteError, open_tree_head
from audit.verify.order import IndexOrder, Place
from audit.verify.report import FindingKind, Report
from audit.verify.tree import BrokenProofError, GrowingTree, hash_leaf

EXPORT_FORMAT: Final = "secure-ds/audit-export/v1"
_HEADER_FIELDS: Final = frozenset({"@format", "first", "frontier", "origin", "size", "tenant"})
_LEAF_FIELDS: Final = frozenset({"index", "leaf_hash"})


def verify_export(
    lines: Iterable[str | bytes], keys: Sequence[TrustedKey], *, older_checkpoints: Sequence[str] = ()
) -> Report:
    """Verify an export.

    Args:
        lines: the lines of the export (text or UTF-8), read once and in order.
        keys: public keys of the log; their name is the log's origin.
        older_checkpoints: notes of checkpoints that the caller kept, against which a cut tail or a rewritten log shows.

    Returns:
        A report, whatever the lines hold. `report.ok` means: every entry shown is one that the log signed, none between
        the first and the last is missing, and every older checkpoint is a prefix of this log.
    """
    report = Report()
    numbered = enumerate(lines, start=1)
    try:
        header = _read_header(next(numbered, (1, ""))[1])
    except (FormatError, BrokenProofError) as error:
        report.add(FindingKind.MALFORMED_EXPORT, f"line 1 is not the header of an export: {error}")
        return report
    check = _ExportCheck(header, keys, report)
    check.expect(older_checkpoints)
    for number, line in numbered:
        check.read(number, line)
    check.finish()
    return report


@dataclass(frozen=True, slots=True)
class _Header:
    origin: str
    tenant: str | None
    first: int
    size: int
    tree: GrowingTree


class _ExportCheck:
    """One verification: the tree so far, the order of indexes, and the tree heads still to be met."""

    def __init__(self, header: _Header, keys: Sequence[TrustedKey], report: Report) -> None:
        self._header = header
        self._keys = keys
        self._report = report
        self._tree = header.tree
        self._order = IndexOrder(header.first)
        self._comparable = True  # the tree is still the one that the lines describe
        self._last_good = header.first
        self._last_checkpoint = -1
        self._older: dict[int, list[TreeHead]] = defaultdict(list)
        report.origin, report.first = header.origin, header.first

    def expect(self, notes: Sequence[str]) -> None:
        """Take checkpoints from earlier, to be compared when the tree reaches their size."""
        for note in notes:
            head = self._open(note, "a checkpoint kept from earlier")
            if head is not None and head.size < self._header.first:
                message = f"the export begins at {self._header.first}, after a checkpoint kept from earlier"
                self._report.add(FindingKind.NOT_COVERED, message, size=head.size)
            elif head is not None:
                self._older[head.size].append(head)
        self._meet_older()

    def read(self, number: int, line: str | bytes) -> None:
        """Check one line after the header."""
        try:
            document = parse_object(_decode(line))
            if document.keys() == {"checkpoint"}:
                self._read_checkpoint(document["checkpoint"])
            elif document.keys() - {"entry"} == _LEAF_FIELDS:
                self._read_leaf(document)
            else:
                raise FormatError("neither an entry nor a checkpoint")
        except FormatError as error:
            self._report.add(FindingKind.MALFORMED_EXPORT, f"line {number}: {error}")

    def finish(self) -> None:
        """Look for what did not come."""
        end, size = self._order.expected, self._header.size
        for gap in self._order.missing():
            self._missing(gap.start, gap.stop)
        if end < size:
            self._missing(end, size)
        if end > size:
            message = f"there are entries up to {end - 1}, beyond the {size} that the header announces"
            self._report.add(FindingKind.MALFORMED_EXPORT, message)
        unsigned = self._report.size != size
        if unsigned and (self._last_checkpoint != size or not self._report.findings):
            self._report.add(FindingKind.MISSING_CHECKPOINT, f"no checkpoint proves the final size {size}", size=size)
        for cut in sorted(older for older in self._older if older > end):
            message = f"a checkpoint kept from earlier has {cut} entries; the log now ends at {end}"
            self._report.add(FindingKind.CUT_TAIL, message, index=end, size=cut)

    def _read_leaf(self, document: dict[str, Any]) -> None:
        index, leaf = parse_number(document["index"]), parse_hash(document["leaf_hash"])
        self._place(index, leaf)
        if "entry" in document:
            self._report.shown += 1
            self._check_entry(index, leaf, document["entry"])
            return
        self._report.withheld += 1
        if self._header.tenant is None:
            message = f"entry {index} is not shown, in an export that shows all"
            self._report.add(FindingKind.WITHHELD_ENTRY, message, index=index)

    def _place(self, index: int, leaf: bytes) -> None:
        place = self._order.place(index)
        self._comparable = self._comparable and place is Place.NEXT
        if self._comparable:
            self._tree.push(leaf)
            self._meet_older()
        if place is Place.LATE:
            self._report.add(FindingKind.REORDERED_ENTRY, f"entry {index} comes after a later one", index=index)
        if place is Place.REPEATED:
            message = f"entry {index} comes again, or from before the first"
            self._report.add(FindingKind.DUPLICATE_ENTRY, message, index=index)

    def _check_entry(self, index: int, leaf: bytes, text: object) -> None:
        try:
            data = _encode(text)
            if hash_leaf(data) != leaf:
                message = f"the bytes of entry {index} are not those of its leaf hash"
                self._report.add(FindingKind.CHANGED_ENTRY, message, index=index)
                return
            entry = parse_entry(data.decode())
        except FormatError as error:
            self._report.add(FindingKind.MALFORMED_ENTRY, f"entry {index}: {error}", index=index)
            return
        if entry["index"] != str(index):
            message = f"the entry shown at {index} says that it is entry {entry['index']}"
            self._report.add(FindingKind.MISPLACED_ENTRY, message, index=index)
        if self._header.tenant not in (None, entry["tenant"]):
            message = f"entry {index} belongs to another tenant than the export"
            self._report.add(FindingKind.FOREIGN_ENTRY, message, index=index)

    def _read_checkpoint(self, note: object) -> None:
        self._last_checkpoint = self._order.expected
        head = self._open(note, f"the checkpoint after entry {self._order.expected - 1}")
        if head is None or not self._comparable:
            return
        if head.size != self._tree.size:
            message = f"a checkpoint of size {head.size} stands after {self._tree.size} entries"
            self._report.add(FindingKind.INVALID_CHECKPOINT, message, size=head.size)
            self._comparable = False
        elif head.root != self._tree.root():
            message = f"the entries {self._last_good} to {head.size - 1} are not those signed at size {head.size}"
            self._report.add(FindingKind.ROOT_MISMATCH, message, index=self._last_good, size=head.size)
            self._comparable = False
        else:
            self._report.checkpoints += 1
            self._report.size = self._last_good = head.size

    def _meet_older(self) -> None:
        for head in self._older.get(self._tree.size, ()):
            if head.root != self._tree.root():
                message = f"the first {head.size} entries are not those of a checkpoint kept from earlier"
                self._report.add(FindingKind.ROOT_MISMATCH, message, index=self._last_good, size=head.size)

    def _open(self, note: object, what: str) -> TreeHead | None:
        try:
            head = open_tree_head(note, self._keys)
        except UntrustedNoteError as error:
            self._report.add(FindingKind.UNTRUSTED_CHECKPOINT, f"{what}: {error}", size=self._order.expected)
            return None
        except NoteError as error:
            self._report.add(FindingKind.INVALID_CHECKPOINT, f"{what}: {error}", size=self._order.expected)
            return None
        if head.origin != self._header.origin:
            message = f"{what} is of the log {head.origin!r}, not {self._header.origin!r}"
            self._report.add(FindingKind.INVALID_CHECKPOINT, message, size=head.size)
            return None
        return head

    def _missing(self, start: int, stop: int) -> None:
        which = f"entry {start} is" if stop - start == 1 else f"entries {start} to {stop - 1} are"
        self._report.add(FindingKind.MISSING_ENTRY, f"{which} missing", index=start)


def _read_header(line: str | bytes) -> _Header:
    document = parse_object(_decode(line))
    if document.get("@format") != EXPORT_FORMAT or document.keys() != _HEADER_FIELDS:
        raise FormatError(f"not {EXPORT_FORMAT}")
    origin, tenant, frontier = document["origin"], document["tenant"], document["frontier"]
    if not isinstance(origin, str) or not isinstance(tenant, str | None) or not isinstance(frontier, list):
        raise FormatError("a field has another type")
    first, size = parse_number(document["first"]), parse_number(document["size"])
    if first >= size:
        raise FormatError("it announces no entries")
    return _Header(origin, tenant, first, size, GrowingTree(first, [parse_hash(node) for node in frontier]))


def _decode(line: str | bytes) -> str:
    try:
        return line.decode() if isinstance(line, bytes) else line
    except UnicodeDecodeError as error:
        raise FormatError("not UTF-8") from error


def _encode(text: object) -> bytes:
    try:
        return str(text).encode() if isinstance(text, str) else b""
    except UnicodeEncodeError as error:
        raise FormatError("the entry is not valid Unicode") from error
