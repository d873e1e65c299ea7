"""The log: append, ask, prove. All state is in the store; one instance serves one transaction.

Rules of this module:
1. An entry enters the log with the caller's transaction, together with the change that it records, or not at all.
2. The same event is recorded once: a second append under its event id returns the entry that is there.
3. An append reads and writes O(log n) nodes, whatever the size of the log.
4. A checkpoint is stored only if the tree has that root at that size, and a size has one checkpoint.
5. Times are the clock's; the order of entries is their index.
"""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from audit.checkpoint import Checkpoint, SignedCheckpoint
from audit.entry import SALT_SIZE, Entry, EntryDraft
from audit.errors import CheckpointConflict, EventConflict, OutOfRange
from audit.merkle import append_nodes, complete_subtrees, consistency_proof, inclusion_proof, leaf_hash, root
from audit.query import MAX_PAGE, EntryFilter, LogEntry, Page, decode_cursor, encode_cursor
from audit.stores.interface import AuditStore, NewEntry

_BATCH: Final = 500  # entries read at a time when the log is walked


class Clock(Protocol):
    """Tells the time of day, timezone-aware."""

    def now(self) -> datetime:
        """Return the current time."""
        ...


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an entry stands: its index, and its leaf hash (32 bytes)."""

    index: int
    leaf_hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The tree as it is now: number of entries and root (32 bytes)."""

    size: int
    root: bytes


class AuditLog:
    """The append-only log over a store. Every method may raise `AuditUnavailable`."""

    def __init__(self, store: AuditStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def append(self, draft: EntryDraft) -> Appended:
        """Record an entry, in the caller's transaction.

        Raises:
            AuditUnavailable: the log cannot be written; roll back, the operation must not happen.
            EventConflict: the draft's event id was used for another entry.
        """
        size = self._store.lock_head()
        recorded = self._recorded(draft)
        if recorded is not None:
            return Appended(recorded.index, recorded.leaf_hash)
        entry = Entry(size, self._clock.now(), secrets.token_bytes(SALT_SIZE), draft)
        data = entry.to_bytes()
        leaf = leaf_hash(data)
        self._store.append(NewEntry(entry, data, leaf, append_nodes(size, leaf, self._store.nodes)))
        return Appended(size, leaf)

    def query(self, wanted: EntryFilter, cursor: str | None = None, limit: int = 50) -> Page:
        """Return one page of matching entries, newest first.

        Args:
            wanted: which entries.
            cursor: `next_cursor` of the page before, or `None` for the newest.
            limit: entries per page, 1 to `MAX_PAGE`.

        Raises:
            InvalidCursor: the cursor was not made by this log.
            OutOfRange: the limit is not between 1 and `MAX_PAGE`.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise OutOfRange(f"a page has 1 to {MAX_PAGE} entries, not {limit}")
        below = None if cursor is None else decode_cursor(cursor)
        found = self._store.select(wanted, below, limit + 1)
        shown = tuple(found[:limit])
        return Page(shown, encode_cursor(shown[-1].index) if len(found) > limit else None)

    def search(self, wanted: EntryFilter) -> Iterator[LogEntry]:
        """Yield every matching entry, newest first, reading page by page."""
        cursor = None
        while True:
            page = self.query(wanted, cursor, _BATCH)
            yield from page.entries
            cursor = page.next_cursor
            if cursor is None:
                return

    def entry(self, index: int) -> LogEntry:
        """Return the entry at `index`.

        Raises:
            OutOfRange: there is none.
        """
        found = self._store.entries(index, index + 1)
        if not found:
            raise OutOfRange(f"the log has no entry {index}")
        return found[0]

    def walk(self, start: int, end: int) -> Iterator[LogEntry]:
        """Yield the entries of `[start, end)` in rising order, reading them in batches.

        Raises:
            OutOfRange: the log does not have them all.
        """
        self._require_size(end)
        for first in range(start, end, _BATCH):
            yield from self._store.entries(first, min(first + _BATCH, end))

    def head(self) -> Head:
        """Return size and root of the tree, without keeping appenders out."""
        size = self._store.size()
        return Head(size, root(size, self._store.nodes))

    def root_at(self, size: int) -> bytes:
        """Return the root that the tree had at `size`.

        Raises:
            OutOfRange: the log is not that long.
        """
        self._require_size(size)
        return root(size, self._store.nodes)

    def frontier(self, size: int) -> tuple[bytes, ...]:
        """Return the hashes of the complete subtrees that make up the first `size` leaves, left to right.

        Raises:
            OutOfRange: the log is not that long.
        """
        self._require_size(size)
        parts = complete_subtrees(0, size)
        nodes = self._store.nodes(parts)
        return tuple(nodes[part] for part in parts)

    def inclusion_proof(self, index: int, size: int) -> tuple[bytes, ...]:
        """Prove that the entry at `index` is in the tree of `size` leaves.

        Raises:
            OutOfRange: `index` is not below `size`, or the log is not that long.
        """
        self._require_size(size)
        return inclusion_proof(index, size, self._store.nodes)

    def consistency_proof(self, old: int, new: int) -> tuple[bytes, ...]:
        """Prove that the first `old` entries are still the same in the tree of `new`.

        Raises:
            OutOfRange: `old` is above `new`, or the log is not that long.
        """
        self._require_size(new)
        return consistency_proof(old, new, self._store.nodes)

    def store_checkpoint(self, signed: SignedCheckpoint) -> None:
        """Keep a signed checkpoint. Keeping the same tree head again changes nothing.

        Raises:
            CheckpointConflict: the log is not that long, has another root, or has another checkpoint of that size.
        """
        checkpoint = signed.checkpoint
        size = self._store.lock_head()
        if checkpoint.size > size or root(checkpoint.size, self._store.nodes) != checkpoint.root:
            raise CheckpointConflict(f"the log does not have the root of the checkpoint of size {checkpoint.size}")
        known = self._store.checkpoints(checkpoint.size, checkpoint.size + 1)
        if not known:
            self._store.add_checkpoint(signed)
        elif not known[0].startswith(checkpoint.body() + "\n"):
            raise CheckpointConflict(f"there is another checkpoint of size {checkpoint.size}")

    def latest_checkpoint(self) -> str | None:
        """Return the note of the largest checkpoint, or `None` before the first."""
        return self._store.latest_checkpoint()

    def checkpoints(self, start: int, end: int) -> Iterator[str]:
        """Yield the notes of the checkpoints with sizes in `[start, end)`, smallest first."""
        yield from self._store.checkpoints(start, end)

    def next_checkpoint(self, origin: str) -> Checkpoint:
        """Return the present tree head as a checkpoint to be signed."""
        head = self.head()
        return Checkpoint(origin, head.size, head.root)

    def _recorded(self, draft: EntryDraft) -> LogEntry | None:
        if draft.event_id is None:
            return None
        recorded = self._store.find_event(draft.event_id)
        if recorded is not None and recorded.read().draft != draft:
            raise EventConflict(f"event {draft.event_id!r} is recorded with other content, as entry {recorded.index}")
        return recorded

    def _require_size(self, size: int) -> None:
        if not 0 <= size <= self._store.size():
            raise OutOfRange(f"the log has no tree of {size} leaves")
