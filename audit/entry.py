"""Audit entries: who did what to what, with which outcome, as canonical versioned bytes.

Rules of this module:
1. The bytes are RFC 8785 JSON whose first field is the format tag: `@` sorts before every other field name used, so the
   canonical order itself puts the version first.
2. Every entry has all fields of its version; what does not apply is `null`. A new field means a new tag.
3. The index is inside the bytes, as a string, so an entry cannot be moved to another place unnoticed.
4. Sixteen random bytes of salt make a leaf hash say nothing about an entry that could otherwise be guessed.
5. Time is UTC with microseconds, RFC 3339, one form only: `2026-11-22T16:49:05.000123Z`.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self, TypeVar

import rfc8785

from audit.canonical import canonical_mapping
from audit.errors import InvalidEntry

FORMAT_FIELD: Final = "@format"
ENTRY_FORMAT: Final = "secure-ds/audit-entry/v1"
SALT_SIZE: Final = 16  # bytes
MAX_NAME_LENGTH: Final = 200  # characters
_TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_Member = TypeVar("_Member", bound=StrEnum)
_ACTION: Final = re.compile(r"[a-z][a-z0-9_]*([.:][a-z][a-z0-9_]*)*")


class Outcome(StrEnum):
    """How the operation ended.

    `ALLOWED` and `DENIED` are decisions about something asked for; `DONE` and `FAILED` are things that took place.
    """

    ALLOWED = "allowed"
    DENIED = "denied"
    DONE = "done"
    FAILED = "failed"


class ActorKind(StrEnum):
    """What sort of actor: a person, a process of the service, or a caller that could not be authenticated."""

    USER = "user"
    SERVICE = "service"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, as verified at the time: the roles are those held then, sorted."""

    id: str
    tenant: str | None
    roles: tuple[str, ...]
    kind: ActorKind

    def __post_init__(self) -> None:
        _check_name("actor.id", self.id)
        _check_optional_name("actor.tenant", self.tenant)
        for role in self.roles:
            _check_name("actor.roles", role)
        object.__setattr__(self, "roles", tuple(sorted(set(self.roles))))
        object.__setattr__(self, "kind", _member(ActorKind, "actor.kind", self.kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryDraft:
    """What a caller asks to be recorded; the log adds index, time and salt.

    Attributes:
        action: lower-case names joined by colons or dots, such as `job:submit`.
        actor: who acted.
        tenant: whose record this is, and whose compliance officer may read it; `None` for the service itself.
        outcome: how it ended.
        dataset_id, job_id, model_id: what it was done to, where that applies.
        object_id: any other object: a key, a token, a policy version, another entry.
        request_id: the request it belongs to.
        decision: the policy decision as JSON (policies that decided, attributes they read), where one was taken.
        details: further facts as JSON: digests, sizes, numbers. No secrets and no raw records.
        event_id: idempotency key; a second draft with the same id is not recorded again.

    Raises:
        InvalidEntry: a field breaks the format; see `audit.canonical` for the limits of `decision` and `details`.
    """

    action: str
    actor: Actor
    tenant: str | None
    outcome: Outcome
    dataset_id: str | None = None
    job_id: str | None = None
    model_id: str | None = None
    object_id: str | None = None
    request_id: str | None = None
    decision: Mapping[str, Any] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    event_id: str | None = None

    def __post_init__(self) -> None:
        if len(self.action) > MAX_NAME_LENGTH or not _ACTION.fullmatch(self.action):
            raise InvalidEntry(f"action {self.action!r} is not made of lower-case words, such as 'job:submit'")
        for name in ("tenant", "dataset_id", "job_id", "model_id", "object_id", "request_id", "event_id"):
            _check_optional_name(name, getattr(self, name))
        object.__setattr__(self, "outcome", _member(Outcome, "outcome", self.outcome))
        object.__setattr__(self, "details", canonical_mapping("details", self.details))
        if self.decision is not None:
            object.__setattr__(self, "decision", canonical_mapping("decision", self.decision))


@dataclass(frozen=True, slots=True)
class Entry:
    """A draft in its place in the log.

    Guarantee: `Entry.from_bytes(entry.to_bytes()) == entry`, and `from_bytes` accepts no other bytes for it.
    """

    index: int
    time: datetime
    salt: bytes
    draft: EntryDraft

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, whose RFC 6962 leaf hash stands in the tree."""
        return rfc8785.dumps(self._document())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read canonical bytes.

        Raises:
            InvalidEntry: the bytes are not the canonical form of an entry of this version.
        """
        document = _parse_object(data)
        if document.get(FORMAT_FIELD) != ENTRY_FORMAT:
            raise InvalidEntry(f"the entry's format is {document.get(FORMAT_FIELD)!r}, not {ENTRY_FORMAT!r}")
        entry = cls._from_document(document)
        if entry.to_bytes() != data:
            raise InvalidEntry("the entry's bytes are not in canonical form")
        return entry

    def _document(self) -> dict[str, Any]:
        recorded = {item.name: getattr(self.draft, item.name) for item in fields(self.draft)}
        actor = {item.name: getattr(self.draft.actor, item.name) for item in fields(self.draft.actor)}
        return {
            **recorded,
            "actor": {**actor, "roles": list(self.draft.actor.roles), "kind": str(self.draft.actor.kind)},
            "outcome": str(self.draft.outcome),
            FORMAT_FIELD: ENTRY_FORMAT,
            "index": str(self.index),
            "time": format_time(self.time),
            "salt": base64.b64encode(self.salt).decode("ascii"),
        }

    @classmethod
    def _from_document(cls, document: dict[str, Any]) -> Self:
        try:
            actor = Actor(**document.pop("actor"))
            index, time = int(document.pop("index")), parse_time(document.pop("time"))
            salt = base64.b64decode(document.pop("salt"), validate=True)
            del document[FORMAT_FIELD]
            draft = EntryDraft(actor=actor, **document)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise InvalidEntry(f"the entry's fields do not follow {ENTRY_FORMAT!r}") from error
        if len(salt) != SALT_SIZE:
            raise InvalidEntry(f"the entry's salt has {len(salt)} bytes instead of {SALT_SIZE}")
        return cls(index, time, salt, draft)


def format_time(moment: datetime) -> str:
    """Write a moment in the one form used in entries.

    Raises:
        InvalidEntry: `moment` has no time zone.
    """
    if moment.tzinfo is None:
        raise InvalidEntry("an entry's time must carry a time zone; the clock must be aware, in UTC")
    return moment.astimezone(UTC).strftime(_TIME_FORMAT)


def parse_time(text: str) -> datetime:
    """Read a moment written by `format_time`.

    Raises:
        ValueError: `text` has another form.
    """
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)


def _member(kind: type[_Member], name: str, value: str) -> _Member:
    try:
        return kind(value)
    except ValueError as error:
        raise InvalidEntry(f"{name} {value!r} is not one of: {', '.join(kind)}") from error


def _check_optional_name(name: str, value: str | None) -> None:
    if value is not None:
        _check_name(name, value)


def _check_name(name: str, value: str) -> None:
    """Names go into indexed columns: short, printable, nothing that one database stores and another refuses."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_NAME_LENGTH or not value.isprintable():
        raise InvalidEntry(f"{name} must be 1 to {MAX_NAME_LENGTH} printable characters")


def _parse_object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidEntry("the entry is not JSON") from error
    if not isinstance(document, dict):
        raise InvalidEntry("the entry is not a JSON object")
    return document
