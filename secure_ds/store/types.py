"""Column types that mean the same on SQLite and on PostgreSQL.

Rules:
    - Times go in and come out timezone-aware, in UTC; a naive one is refused.
    - Sets and JSON are stored as text with sorted keys: the same value gives the same text.
    - Integers that may pass 64 bits (noisy sums) are decimal strings inside JSON, never floats.
"""

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import DateTime, Dialect, String, Text
from sqlalchemy.types import TypeDecorator


class UtcTime(TypeDecorator[datetime]):
    """A moment, in UTC, to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; SQLite then keeps the UTC reading without its zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored; use one in UTC")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Name(TypeDecorator[StrEnum]):
    """A member of a closed set of names; a name that is not in it does not come out."""

    impl = String(16)
    cache_ok = True

    def __init__(self, names: type[StrEnum]) -> None:
        super().__init__()
        self.names = names

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        """Write the name."""
        return None if value is None else self.names(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        """Read the member."""
        return None if value is None else self.names(value)


class StringSet(TypeDecorator[frozenset[str]]):
    """A set of strings, as a sorted JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[str] | None, dialect: Dialect) -> str | None:
        """Write the sorted list."""
        return None if value is None else json.dumps(sorted(value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> frozenset[str] | None:
        """Read the set."""
        return None if value is None else frozenset(json.loads(value))


class JsonObject(TypeDecorator[dict[str, Any]]):
    """A JSON object, as text; floats survive exactly, NaN is refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> str | None:
        """Write with sorted keys."""
        if value is None:
            return None
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"), sort_keys=True)

    def process_result_value(self, value: str | None, dialect: Dialect) -> dict[str, Any] | None:
        """Read the object."""
        return None if value is None else dict(json.loads(value))


class BigIntegers(TypeDecorator[tuple[int, ...]]):
    """Integers of any size, as a JSON list of decimal strings."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> str | None:
        """Write each integer in decimal."""
        return None if value is None else json.dumps([str(number) for number in value])

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[int, ...] | None:
        """Read the integers."""
        return None if value is None else tuple(int(text) for text in json.loads(value))


class Floats(TypeDecorator[tuple[float, ...]]):
    """Finite floats, exactly, as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Sequence[float] | None, dialect: Dialect) -> str | None:
        """Write the list; NaN is refused."""
        return None if value is None else json.dumps(list(value), allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[float, ...] | None:
        """Read the floats."""
        return None if value is None else tuple(float(number) for number in json.loads(value))
