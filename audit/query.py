"""What can be asked of the log: filters, pages, and cursors that stay put while the log grows.

Rules of this module:
1. Pages run from the newest entry to the oldest: a cursor (the index of the last entry seen) means the same tomorrow.
2. Whose entries are meant is said on purpose: `EntryFilter.tenant` has no default, and `None` is for the whole service.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from audit.entry import Entry, Outcome
from audit.errors import InvalidCursor

MAX_PAGE: Final = 1000  # entries
MAX_INDEX: Final = 2**63 - 1  # what a database's integer column holds
EXACT_FIELDS: Final = ("tenant", "action", "outcome", "dataset_id", "job_id", "model_id", "object_id", "request_id")
_CURSOR: Final = re.compile(r"v1:(0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Which entries; every field that is not `None` must hold. Those of `EXACT_FIELDS` have the names of the draft's.

    Attributes:
        tenant: only entries of this tenant; `None` for all, which is for the service's own operator alone.
        since: not before this moment.
        until: before this moment.
        text: substring of any value of the entry, whatever the case.
    """

    tenant: str | None
    actor_id: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    dataset_id: str | None = None
    job_id: str | None = None
    model_id: str | None = None
    object_id: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry as stored: its place, its canonical bytes and their leaf hash (32 bytes)."""

    index: int
    data: bytes
    leaf_hash: bytes

    def read(self) -> Entry:
        """Decode the bytes.

        Raises:
            InvalidEntry: they are not a canonical entry.
        """
        return Entry.from_bytes(self.data)


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and the cursor of the page after this one (`None` at the end)."""

    entries: tuple[LogEntry, ...]
    next_cursor: str | None


def encode_cursor(index: int) -> str:
    """Return the cursor that continues below the entry `index`."""
    return base64.urlsafe_b64encode(f"v1:{index}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> int:
    """Return the index below which the page begins.

    Raises:
        InvalidCursor: not made by `encode_cursor`.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("the cursor is not one that this log handed out") from error
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) > MAX_INDEX or encode_cursor(int(match[1])) != cursor:
        raise InvalidCursor("the cursor is not one that this log handed out")
    return int(match[1])
