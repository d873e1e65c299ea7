"""Canonical JSON (RFC 8785) for entries, and the limits that keep entries small, plain and free of secrets.

Rules of this module:
1. What is stored is exactly what was canonicalised: values are copied through their canonical form when handed in.
2. A mapping is at most `MAX_MAPPING_BYTES` long and `MAX_DEPTH` deep; the log is no place for data.
3. A field whose name says that it holds a secret is refused: the mistake is found by the first test that makes it.
4. Integers of 2**53 and above, NaN and infinity are refused; 64-bit counters are written as strings.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import rfc8785

from audit.errors import InvalidEntry

MAX_MAPPING_BYTES: Final = 16 * 1024
MAX_DEPTH: Final = 12
MAX_INTEGER: Final = 2**53 - 1
SECRET_NAMES: Final = frozenset(
    {"api_key", "authorization", "data_key", "passphrase", "password", "pin", "private_key", "secret", "secret_key"}
)


def canonical_mapping(name: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a plain copy of `value` as it will read after a round trip through canonical JSON.

    Raises:
        InvalidEntry: `value` is not JSON, too long, too deep, or has a field named like a secret.
    """
    _check_shape(name, value)
    try:
        data = rfc8785.dumps(dict(value))
    except (rfc8785.CanonicalizationError, UnicodeError, RecursionError) as error:
        raise InvalidEntry(f"{name} cannot be written as canonical JSON: {error}") from error
    if len(data) > MAX_MAPPING_BYTES:
        raise InvalidEntry(f"{name} takes {len(data)} bytes; at most {MAX_MAPPING_BYTES} fit into an entry")
    copy: dict[str, Any] = json.loads(data, parse_int=_exact_integer)
    return copy


def _exact_integer(digits: str) -> int:
    """Refuse what a canonical float such as 1e16 reads back as: an integer that JSON readers may round."""
    value = int(digits)
    if abs(value) > MAX_INTEGER:
        raise InvalidEntry(f"the number {digits} is beyond 2**53 - 1; write it as a string")
    return value


def _check_shape(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise InvalidEntry(f"{name} must be a mapping with string keys, not {type(value).__name__}")
    for depth, field in _fields(value, 1):
        if depth > MAX_DEPTH:
            raise InvalidEntry(f"{name} is nested more than {MAX_DEPTH} levels deep")
        if isinstance(field, str) and field.lower() in SECRET_NAMES:
            raise InvalidEntry(f"{name} has a field named {field!r}; secrets never enter the log, digests may")


def _fields(value: object, depth: int) -> Iterator[tuple[int, object]]:
    """Yield the depth and name of every field, without following a value below one level past the limit."""
    if depth > MAX_DEPTH + 1:
        return
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield depth, key
            yield from _fields(inner, depth + 1)
    elif isinstance(value, list | tuple):
        yield depth, None
        for inner in value:
            yield from _fields(inner, depth + 1)
