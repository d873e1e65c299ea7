"""The log in a SQL database, on a connection that is handed in: an append is part of the caller's transaction.

Rules of this module:
1. It never begins, commits or rolls back: the change and its entry are one transaction, the caller's.
2. Appenders take turns. PostgreSQL: the head row is locked FOR UPDATE, and at READ COMMITTED, which is required, the
   statements after the lock see everything committed before it. SQLite: the caller's BEGIN IMMEDIATE is that lock.
3. The lock lasts until the caller commits, so append late in the transaction.
4. Whatever the database raises (lock timeout, statement timeout, lost connection, missing table) becomes
   `AuditUnavailable`; the caller rolls back.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, insert, select, tuple_, update
from sqlalchemy.exc import SQLAlchemyError

from audit.checkpoint import SignedCheckpoint
from audit.errors import AuditUnavailable
from audit.merkle import Coordinate
from audit.query import EXACT_FIELDS, EntryFilter, LogEntry
from audit.stores.interface import AuditStore, NewEntry
from audit.stores.search import fold, search_text
from audit.stores.tables import audit_checkpoints, audit_entries, audit_head, audit_nodes

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_STORED: Final = (audit_entries.c.entry_index, audit_entries.c.data, audit_entries.c.leaf_hash)


class SqlStore(AuditStore):
    """The store on one connection, for the length of one transaction. Cheap to make; make one per transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock_head(self) -> int:
        with _available("lock the head of the audit log"):
            return int(self._connection.execute(select(audit_head.c.size).with_for_update()).scalar_one())

    def size(self) -> int:
        with _available("read the head of the audit log"):
            return int(self._connection.execute(select(audit_head.c.size)).scalar_one())

    def append(self, new: NewEntry) -> None:
        with _available("append to the audit log"):
            self._connection.execute(insert(audit_entries).values(_row(new)))
            if new.nodes:
                rows = [{"level": at.level, "position": at.position, "hash": node} for at, node in new.nodes.items()]
                self._connection.execute(insert(audit_nodes), rows)
            self._connection.execute(update(audit_head).values(size=new.entry.index + 1))

    def nodes(self, coordinates: Sequence[Coordinate]) -> Mapping[Coordinate, bytes]:
        leaves = [at.position for at in coordinates if at.level == 0]
        inner = [(at.level, at.position) for at in coordinates if at.level > 0]
        with _available("read the tree of the audit log"):
            found = self._leaf_hashes(leaves) if leaves else {}
            return found | (self._inner_hashes(inner) if inner else {})

    def find_event(self, event_id: str) -> LogEntry | None:
        query = select(*_STORED).where(audit_entries.c.event_id == event_id)
        with _available("look up an event in the audit log"):
            row = self._connection.execute(query).one_or_none()
        return None if row is None else _log_entry(row)

    def entries(self, start: int, end: int) -> Sequence[LogEntry]:
        index = audit_entries.c.entry_index
        return self._read(select(*_STORED).where(index >= start, index < end).order_by(index))

    def select(self, wanted: EntryFilter, below: int | None, limit: int) -> Sequence[LogEntry]:
        query = _filtered(select(*_STORED), wanted)
        if below is not None:
            query = query.where(audit_entries.c.entry_index < below)
        return self._read(query.order_by(audit_entries.c.entry_index.desc()).limit(limit))

    def add_checkpoint(self, checkpoint: SignedCheckpoint) -> None:
        row = {"size": checkpoint.checkpoint.size, "note": checkpoint.note}
        with _available("store a checkpoint"):
            self._connection.execute(insert(audit_checkpoints).values(row))

    def checkpoints(self, start: int, end: int) -> Sequence[str]:
        size = audit_checkpoints.c.size
        query = select(audit_checkpoints.c.note).where(size >= start, size < end).order_by(size)
        with _available("read checkpoints"):
            return list(self._connection.execute(query).scalars())

    def latest_checkpoint(self) -> str | None:
        query = select(audit_checkpoints.c.note).order_by(audit_checkpoints.c.size.desc()).limit(1)
        with _available("read the latest checkpoint"):
            return self._connection.execute(query).scalar_one_or_none()

    def _read(self, query: Select[Any]) -> list[LogEntry]:
        with _available("read the audit log"):
            return [_log_entry(row) for row in self._connection.execute(query)]

    def _leaf_hashes(self, indexes: Sequence[int]) -> dict[Coordinate, bytes]:
        index = audit_entries.c.entry_index
        query = select(index, audit_entries.c.leaf_hash).where(index.in_(indexes))
        return {Coordinate(0, row[0]): bytes(row[1]) for row in self._connection.execute(query)}

    def _inner_hashes(self, places: Sequence[tuple[int, int]]) -> dict[Coordinate, bytes]:
        place = tuple_(audit_nodes.c.level, audit_nodes.c.position)
        query = select(audit_nodes.c.level, audit_nodes.c.position, audit_nodes.c.hash).where(place.in_(places))
        return {Coordinate(row[0], row[1]): bytes(row[2]) for row in self._connection.execute(query)}


def _row(new: NewEntry) -> dict[str, Any]:
    draft = new.entry.draft
    return {
        **{name: getattr(draft, name) for name in EXACT_FIELDS},
        "event_id": draft.event_id,
        "outcome": str(draft.outcome),
        "actor_id": draft.actor.id,
        "entry_index": new.entry.index,
        "data": new.data,
        "leaf_hash": new.leaf_hash,
        "time_us": _microseconds(new.entry.time),
        "search_text": search_text(draft),
    }


def _filtered(query: Select[Any], wanted: EntryFilter) -> Select[Any]:
    for name in ("actor_id", *EXACT_FIELDS):
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(audit_entries.c[name] == str(value))
    if wanted.since is not None:
        query = query.where(audit_entries.c.time_us >= _microseconds(wanted.since))
    if wanted.until is not None:
        query = query.where(audit_entries.c.time_us < _microseconds(wanted.until))
    if wanted.text is not None:
        query = query.where(audit_entries.c.search_text.contains(fold(wanted.text), autoescape=True))
    return query


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _log_entry(row: Row[*tuple[Any, ...]]) -> LogEntry:
    return LogEntry(row.entry_index, bytes(row.data), bytes(row.leaf_hash))


@contextmanager
def _available(purpose: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise AuditUnavailable(
            f"could not {purpose}; nothing was recorded and the operation must not happen"
        ) from error
