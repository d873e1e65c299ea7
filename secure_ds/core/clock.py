"""Time is handed in: one reading at the start of an operation, used throughout it."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time of day in UTC."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """Write a moment as RFC 3339 with microseconds and `Z`, the one form used in messages and entries."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
