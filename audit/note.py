"""Signed notes (C2SP signed-note v1): a text, a blank line, and one signature line per key.

Rules of this module:
1. `open_note` returns a text only after a trusted key's signature over it was verified.
2. Signatures of unknown keys are ignored; a bad signature of a known key refuses the whole note (C2SP signed-note).
3. Parsing is strict: one encoding of everything, no control characters, at most `MAX_SIGNATURES` signatures.
4. Signing is handed in: the private key stays in its token. What comes back is verified before anybody relies on it.

Signature types: Ed25519 (0x01), and for tokens without it ECDSA P-256 over SHA-256 (0x02, signature in DER).
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from audit.errors import InvalidCheckpoint

PublicKey = Ed25519PublicKey | EllipticCurvePublicKey

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 16
KEY_ID_SIZE: Final = 4  # bytes
_ED25519: Final = b"\x01"
_ECDSA: Final = b"\x02"
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name that signature lines carry. Its text form is `name+id+key`, as printed by `str`."""

    name: str
    public_key: PublicKey

    def __post_init__(self) -> None:
        if not self.name.isprintable() or not self.name or any(c.isspace() or c == "+" for c in self.name):
            raise InvalidCheckpoint(f"key name {self.name!r} must be non-empty, without spaces and without '+'")
        if isinstance(self.public_key, EllipticCurvePublicKey) and not isinstance(self.public_key.curve, SECP256R1):
            raise InvalidCheckpoint("an ECDSA key that signs checkpoints must be on the curve P-256")

    @property
    def key_id(self) -> bytes:
        """The four bytes that begin every signature of this key (C2SP signed-note, "Signatures")."""
        encoded = self._encoded()
        named = encoded[1:] if encoded[:1] == _ECDSA else self.name.encode() + b"\n" + encoded
        return hashlib.sha256(named).digest()[:KEY_ID_SIZE]

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check a signature over `text`.

        Raises:
            InvalidCheckpoint: the signature does not hold.
        """
        try:
            if isinstance(self.public_key, Ed25519PublicKey):
                self.public_key.verify(signature, text)
            else:
                self.public_key.verify(signature, text, ECDSA(SHA256()))
        except InvalidSignature as error:
            raise InvalidCheckpoint(f"the signature of {self.name} does not match the note") from error

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._encoded()).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form `name+id+key`.

        Raises:
            InvalidCheckpoint: the text is malformed, or the id belongs to another key or name.
        """
        name, _, rest = text.partition("+")
        _, _, encoded = rest.partition("+")
        key = cls(name, _decode_key(_decode_base64(encoded)))
        if str(key) != text:
            raise InvalidCheckpoint("the verifier key is not in its one form name+id+key, or its id does not match")
        return key

    def _encoded(self) -> bytes:
        if isinstance(self.public_key, Ed25519PublicKey):
            return _ED25519 + self.public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        return _ECDSA + self.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A verifier key together with whatever signs for it.

    Attributes:
        key: the public half, and the name on the signature line.
        sign: returns the signature over the bytes given: 64 bytes for Ed25519; DER, over their SHA-256, for ECDSA.
    """

    key: VerifierKey
    sign: Callable[[bytes], bytes]


def sign_note(text: str, signer: NoteSigner) -> str:
    """Return `text` with the signature of `signer` below it.

    Raises:
        InvalidCheckpoint: `text` is no note text, or the signer returned a signature that does not verify.
    """
    _check_text(text)
    signature = signer.sign(text.encode())
    signer.key.verify(text.encode(), signature)
    encoded = base64.b64encode(signer.key.key_id + signature).decode()
    return f"{text}\n{_DASH}{signer.key.name} {encoded}\n"


def open_note(note: str, keys: Iterable[VerifierKey]) -> tuple[str, tuple[VerifierKey, ...]]:
    """Return the verified text of a note, and the trusted keys that signed it.

    Raises:
        InvalidCheckpoint: the note is malformed, a trusted key's signature does not hold, or no trusted key signed.
    """
    text, signatures = _parse_note(note)
    trusted = {(key.name, key.key_id): key for key in keys}
    signed_by = []
    for name, blob in signatures:
        key = trusted.get((name, blob[:KEY_ID_SIZE]))
        if key is not None:
            key.verify(text.encode(), blob[KEY_ID_SIZE:])
            signed_by.append(key)
    if not signed_by:
        raise InvalidCheckpoint("no trusted key signed the note")
    return text, tuple(signed_by)


def unverified_text(note: str) -> str:
    """Return the text of a note whose signatures nobody has checked.

    Raises:
        InvalidCheckpoint: the note is malformed.
    """
    return _parse_note(note)[0]


def _parse_note(note: str) -> tuple[str, Sequence[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE_BYTES or not note.endswith("\n"):
        raise InvalidCheckpoint(f"a note ends with a newline and takes at most {MAX_NOTE_BYTES} bytes")
    text, separator, signature_lines = note.rpartition("\n\n")
    if not separator:
        raise InvalidCheckpoint("a note has a blank line between its text and its signatures")
    _check_text(text + "\n")
    lines = signature_lines.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InvalidCheckpoint(f"a note with more than {MAX_SIGNATURES} signatures is refused")
    return text + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes]:
    name, separator, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not separator or not name:
        raise InvalidCheckpoint("a signature line reads: em dash, space, key name, space, base64")
    blob = _decode_base64(encoded)
    if len(blob) <= KEY_ID_SIZE:
        raise InvalidCheckpoint("a signature is a key id of four bytes followed by the signature itself")
    return name, blob


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(c < " " and c != "\n" for c in text):
        raise InvalidCheckpoint("a note's text ends with a newline and has no other control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidCheckpoint("a note's text must be valid Unicode") from error


def _decode_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCheckpoint("the base64 of a note or key is malformed") from error
    if base64.b64encode(data).decode() != text:
        raise InvalidCheckpoint("the base64 of a note or key is not in canonical form")
    return data


def _decode_key(encoded: bytes) -> PublicKey:
    try:
        if encoded[:1] == _ED25519:
            return Ed25519PublicKey.from_public_bytes(encoded[1:])
        key = load_der_public_key(encoded[1:]) if encoded[:1] == _ECDSA else None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InvalidCheckpoint("the verifier key's public key is malformed") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise InvalidCheckpoint("a verifier key is Ed25519 (type 1) or ECDSA P-256 (type 2)")
    return key
