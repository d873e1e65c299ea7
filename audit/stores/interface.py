"""The contract between the log and where it is kept.

Rules of this module:
1. A store keeps bytes and hashes; what they mean is the log's business.
2. `lock_head` comes first in every append. From then until the caller's transaction ends, no other append can begin, so
   indexes are contiguous and every inner node has one writer.
3. Reads see what the caller's transaction sees.
4. A store that cannot answer in time raises `AuditUnavailable`, nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audit.checkpoint import SignedCheckpoint
from audit.entry import Entry
from audit.merkle import Coordinate
from audit.query import EntryFilter, LogEntry


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry about to be stored, with the inner nodes that it completes."""

    entry: Entry
    data: bytes
    leaf_hash: bytes
    nodes: Mapping[Coordinate, bytes]


class AuditStore(ABC):
    """Keeps entries, complete subtrees, the head and the checkpoints. All methods raise `AuditUnavailable`."""

    @abstractmethod
    def lock_head(self) -> int:
        """Return the number of entries, and keep other appenders out until the transaction ends."""

    @abstractmethod
    def size(self) -> int:
        """Return the number of entries without locking anything."""

    @abstractmethod
    def append(self, new: NewEntry) -> None:
        """Store an entry at the head. Only after `lock_head`, with the index that it returned."""

    @abstractmethod
    def nodes(self, coordinates: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        """Return the hashes of complete subtrees, leaves (level 0) included. All of them exist."""

    @abstractmethod
    def find_event(self, event_id: str) -> LogEntry | None:
        """Return the entry recorded under an event id."""

    @abstractmethod
    def entries(self, start: int, end: int) -> Sequence[LogEntry]:
        """Return the entries of `[start, end)` in rising order; the caller keeps the range small."""

    @abstractmethod
    def select(self, wanted: EntryFilter, below: int | None, limit: int) -> Sequence[LogEntry]:
        """Return up to `limit` entries that match, with indexes under `below`, in falling order."""

    @abstractmethod
    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        """Store a checkpoint; there is none of its size yet."""

    @abstractmethod
    def checkpoints(self, start: int, end: int) -> Sequence[str]:
        """Return the notes of the checkpoints with sizes in `[start, end)`, smallest size first."""

    @abstractmethod
    def latest_checkpoint(self) -> str | None:
        """Return the note of the checkpoint with the largest size."""
