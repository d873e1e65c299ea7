"""A store in memory for tests of whatever uses the log. One thread only, no transactions, gone when dropped."""

from collections.abc import Mapping, Sequence

from audit.checkpoint import SignedCheckpoint
from audit.entry import Entry, format_time
from audit.merkle import Coordinate
from audit.query import EXACT_FIELDS, EntryFilter, LogEntry
from audit.stores.interface import AuditStore, NewEntry
from audit.stores.search import fold, search_text


class MemoryStore(AuditStore):
    """Plain lists and dictionaries behind the contract of `AuditStore`."""

    def __init__(self) -> None:
        self._entries: list[LogEntry] = []
        self._nodes: dict[Coordinate, bytes] = {}
        self._events: dict[str, int] = {}
        self._checkpoints: dict[int, str] = {}

    def lock_head(self) -> int:
        return len(self._entries)

    def size(self) -> int:
        return len(self._entries)

    def append(self, new: NewEntry) -> None:
        if new.entry.draft.event_id is not None:
            self._events[new.entry.draft.event_id] = new.entry.index
        self._entries.append(LogEntry(new.entry.index, new.data, new.leaf_hash))
        self._nodes |= new.nodes
        self._nodes[Coordinate(0, new.entry.index)] = new.leaf_hash

    def nodes(self, coordinates: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        return {coordinate: self._nodes[coordinate] for coordinate in coordinates}

    def find_event(self, event_id: str) -> LogEntry | None:
        index = self._events.get(event_id)
        return None if index is None else self._entries[index]

    def entries(self, start: int, end: int) -> Sequence[LogEntry]:
        return self._entries[start:end]

    def select(self, wanted: EntryFilter, below: int | None, limit: int) -> Sequence[LogEntry]:
        older = reversed(self._entries[:below])
        return [stored for stored in older if _matches(stored.read(), wanted)][:limit]

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        self._checkpoints[checkpoint.checkpoint.size] = checkpoint.note

    def checkpoints(self, start: int, end: int) -> Sequence[str]:
        return [self._checkpoints[size] for size in sorted(self._checkpoints) if start <= size < end]

    def latest_checkpoint(self) -> str | None:
        return self._checkpoints[max(self._checkpoints)] if self._checkpoints else None


def _matches(entry: Entry, wanted: EntryFilter) -> bool:
    draft = entry.draft
    exact = all(getattr(wanted, name) in (None, getattr(draft, name)) for name in EXACT_FIELDS)
    after = wanted.since is None or format_time(entry.time) >= format_time(wanted.since)
    before = wanted.until is None or format_time(entry.time) < format_time(wanted.until)
    found = wanted.text is None or fold(wanted.text) in search_text(draft)
    return exact and after and before and found and wanted.actor_id in (None, draft.actor.id)
