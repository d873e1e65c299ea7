"""Identifiers: `<prefix>_<26 lower-case base32 characters>`, 130 random bits, safe in URLs, file names and logs."""

import re
import secrets
from typing import Final, Literal

Prefix = Literal["collab", "ds", "job", "model", "key", "net", "pred", "tok", "req", "user"]

_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_BODY_LENGTH: Final = 26
_PATTERN: Final = re.compile(r"(collab|ds|job|model|key|net|pred|tok|req|user)_[a-z2-7]{26}")


def new_id(prefix: Prefix) -> str:
    """Return a fresh identifier of the given kind."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(_BODY_LENGTH))


def is_id(text: str, prefix: Prefix) -> bool:
    """Tell whether `text` is a well-formed identifier of that kind."""
    return text.startswith(f"{prefix}_") and _PATTERN.fullmatch(text) is not None
