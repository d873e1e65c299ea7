"""Digests are written `sha256:<64 hex digits>`; JSON is digested in its RFC 8785 form."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

import rfc8785

_PATTERN: Final = re.compile(r"sha256:[0-9a-f]{64}")


def digest_bytes(data: bytes | memoryview) -> str:
    """Return the digest string of `data`."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def digest_json(value: Mapping[str, Any]) -> str:
    """Return the digest string of the canonical form of a JSON object."""
    return digest_bytes(rfc8785.dumps(dict(value)))


def is_digest(text: str) -> bool:
    """Tell whether `text` is a well-formed digest string."""
    return _PATTERN.fullmatch(text) is not None
