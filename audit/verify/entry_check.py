"""The format of entries and export lines, written down a second time: strict JSON, fixed fields, one form of each."""

import json
import re
from base64 import b64decode, b64encode
from typing import Any, Final

import rfc8785

ENTRY_FORMAT: Final = "secure-ds/audit-entry/v1"
_NAMES: Final = ("dataset_id", "event_id", "job_id", "model_id", "object_id", "request_id", "tenant")
_FIELDS: Final = frozenset(
    {"@format", "action", "actor", "decision", "details", "index", "outcome", "salt", "time", *_NAMES}
)
_ACTOR_FIELDS: Final = frozenset({"id", "kind", "roles", "tenant"})
_OUTCOMES: Final = ("allowed", "denied", "done", "failed")
_KINDS: Final = ("anonymous", "service", "user")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class FormatError(Exception):
    """Text that does not follow the format."""


def parse_object(text: str) -> dict[str, Any]:
    """Read one JSON object, without duplicate fields.

    Raises:
        FormatError: it is something else.
    """
    try:
        document = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise FormatError("not a JSON object with distinct fields") from error
    if not isinstance(document, dict):
        raise FormatError("not a JSON object")
    return document


def parse_number(value: object) -> int:
    """Read a number written as a decimal string.

    Raises:
        FormatError: it is something else.
    """
    if not isinstance(value, str) or not _NUMBER.fullmatch(value):
        raise FormatError("a number is written as a decimal string without leading zeros")
    return int(value)


def parse_hash(value: object) -> bytes:
    """Read 32 bytes written in lower-case hex.

    Raises:
        FormatError: they are something else.
    """
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise FormatError("a hash is written as 64 lower-case hex digits")
    return bytes.fromhex(value)


def parse_entry(text: str) -> dict[str, Any]:
    """Read the canonical bytes of an entry.

    Raises:
        FormatError: they do not follow `ENTRY_FORMAT`; the message says in what.
    """
    document = parse_object(text)
    if document.get("@format") != ENTRY_FORMAT or document.keys() != _FIELDS:
        raise FormatError(f"the fields are not those of {ENTRY_FORMAT}")
    _require_canonical(document, text)
    _require_salt(document["salt"])
    _require_actor(document["actor"])
    parse_number(document["index"])
    _require(_TIME.fullmatch(str(document["time"])), "the time is not UTC with microseconds")
    _require(document["outcome"] in _OUTCOMES, "the outcome is unknown")
    _require(isinstance(document["action"], str), "the action is not a string")
    _require(all(_is_name(document[name]) for name in _NAMES), "an identifier is neither a string nor null")
    _require(isinstance(document["details"], dict), "the details are not an object")
    _require(isinstance(document["decision"], dict | None), "the decision is neither an object nor null")
    return document


def _require_canonical(document: dict[str, Any], text: str) -> None:
    try:
        canonical = rfc8785.dumps(document)
    except (ValueError, RecursionError) as error:
        raise FormatError("the entry has no canonical form") from error
    _require(canonical == text.encode(), "the entry is not in canonical form")


def _require_salt(value: object) -> None:
    _require(isinstance(value, str), "the salt is not a string")
    try:
        salt = b64decode(str(value), validate=True)
    except ValueError as error:
        raise FormatError("the salt is not base64") from error
    _require(len(salt) == 16 and b64encode(salt).decode() == value, "the salt is not 16 bytes")


def _require_actor(value: object) -> None:
    if not isinstance(value, dict) or value.keys() != _ACTOR_FIELDS:
        raise FormatError("the actor's fields are not those of the format")
    _require(isinstance(value["id"], str) and _is_name(value["tenant"]), "the actor's identifiers are not strings")
    _require(value["kind"] in _KINDS, "the actor's kind is unknown")
    roles = value["roles"]
    _require(isinstance(roles, list) and all(isinstance(role, str) for role in roles), "the roles are not a list")


def _is_name(value: object) -> bool:
    return value is None or isinstance(value, str)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("duplicate field")
    return document


def _require(condition: object, message: str) -> None:
    if not condition:
        raise FormatError(message)
