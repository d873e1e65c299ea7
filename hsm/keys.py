"""What a key is called, what it may do, and in which state it is.

Rules:
- One purpose per key, for life; the algorithm fixes it.
- A label names a line of versions 1, 2, 3, ...; a label and a version are never used twice.
- The state is a function of the records of a label: the newest version is active while it lives, older living ones
  are retiring, the rest destroyed. Destroying the newest version does not bring an older one back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from hsm.errors import CapabilityMissing, HsmUsageError

LABEL_PATTERN = re.compile(r"[a-z0-9][a-z0-9._/-]{0,62}")
KEY_ID_BYTES = 16


class Purpose(StrEnum):
    """The one thing that a key may be used for."""

    WRAP = "wrap"
    SIGN = "sign"
    DERIVE = "derive"


class Algorithm(StrEnum):
    """The algorithms that a key store may offer; which ones it does is in `Capabilities`."""

    AES256_KW = "aes-256-kw"
    """AES-256 key wrap of 32-byte data keys (RFC 3394; 40 bytes out)."""
    ECDSA_P256 = "ecdsa-p256-sha256"
    """ECDSA on P-256 over SHA-256 (FIPS 186-5), signatures in DER."""
    ED25519 = "ed25519"
    """Ed25519 (RFC 8032), signatures of 64 bytes."""
    ECDH_P256 = "ecdh-p256"
    """Diffie-Hellman on P-256, answering the 32-byte x coordinate (SP 800-56A)."""

    @property
    def purpose(self) -> Purpose:
        """The only purpose that a key of this algorithm may have."""
        return _PURPOSES[self]


_PURPOSES = {
    Algorithm.AES256_KW: Purpose.WRAP,
    Algorithm.ECDSA_P256: Purpose.SIGN,
    Algorithm.ED25519: Purpose.SIGN,
    Algorithm.ECDH_P256: Purpose.DERIVE,
}


class KeyState(StrEnum):
    """Where a key version is in its life."""

    ACTIVE = "active"
    """Wraps, signs, unwraps, derives."""
    RETIRING = "retiring"
    """Replaced by a newer version: only opens what it closed (unwrap, derive)."""
    DESTROYED = "destroyed"
    """The secret is gone; the record and the public half remain."""


@dataclass(frozen=True, slots=True)
class KeyRef:
    """An opaque handle to one version of a key, as callers hold it.

    The state is the one seen when the handle was made; the key store decides by the present one.
    """

    label: str
    version: int
    purpose: Purpose
    algorithm: Algorithm
    key_id: str
    """32 hexadecimal digits, random, unique to this version."""
    state: KeyState

    def __str__(self) -> str:
        return f"{self.label}#{self.version}"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What a backend keeps about one version. Never holds the secret."""

    label: str
    version: int
    algorithm: Algorithm
    key_id: bytes
    """16 random bytes."""
    public: bytes | None = None
    """P-256: 65-byte uncompressed point. Ed25519: 32 bytes. AES: None."""
    alive: bool = True
    """Whether the secret exists."""

    def __str__(self) -> str:
        return f"{self.label}#{self.version}"

    @property
    def purpose(self) -> Purpose:
        return self.algorithm.purpose


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a key store can do, reported by itself."""

    description: str
    secure: bool
    """False when secrets live in the memory of this process."""
    algorithms: frozenset[Algorithm] = field(default_factory=frozenset)

    def require(self, needed: Iterable[Algorithm]) -> None:
        """Refuse a store that lacks any of the `needed` algorithms.

        Raises:
            CapabilityMissing: naming each missing algorithm.
        """
        missing = sorted(set(needed) - self.algorithms)
        if missing:
            raise CapabilityMissing(f"{self.description} lacks {', '.join(missing)}; use a token that offers them")


def check_label(label: str) -> str:
    """Return `label` if it is a legal one.

    Raises:
        HsmUsageError: if it is not 1 to 63 characters of `a-z 0-9 . _ / -` that start with a letter or digit.
    """
    if not isinstance(label, str) or not LABEL_PATTERN.fullmatch(label):
        raise HsmUsageError("a key label is 1 to 63 characters of a-z 0-9 . _ / - and starts with a letter or digit")
    return label


def refs_of(records: Iterable[KeyRecord]) -> list[KeyRef]:
    """Handles for all `records`, ordered by label and version, each with its present state."""
    ordered = sorted(records, key=lambda record: (record.label, record.version))
    newest = {record.label: record.version for record in ordered}
    return [_ref_of(record, is_newest=record.version == newest[record.label]) for record in ordered]


def _ref_of(record: KeyRecord, *, is_newest: bool) -> KeyRef:
    state = KeyState.ACTIVE if is_newest else KeyState.RETIRING
    return KeyRef(
        label=record.label,
        version=record.version,
        purpose=record.purpose,
        algorithm=record.algorithm,
        key_id=record.key_id.hex(),
        state=state if record.alive else KeyState.DESTROYED,
    )
