"""Trusted public keys and the signatures they make on notes (C2SP signed-note), read by the verifier on its own."""

import hashlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519


class InvalidKeyError(ValueError):
    """A verifier key handed in by the caller is not `name+id+key`, or not of a type this verifier knows."""


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key that the caller trusts: `name`, the four bytes of `key_id`, and the check of a signature."""

    name: str
    key_id: bytes
    _check: Callable[[bytes, bytes], None]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a verifier key: `name+<8 hex digits>+<base64 of type byte and public key>`.

        Raises:
            InvalidKeyError: it is malformed; a key that was not understood must not be trusted by accident.
        """
        name, key_id, encoded = ([*text.strip().split("+", 2), "", ""])[:3]
        try:
            blob = b64decode(encoded, validate=True)
            check, identity = _ed25519(name, blob) if blob[:1] == b"\x01" else _ecdsa(blob)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise InvalidKeyError("a verifier key reads name+id+base64, Ed25519 or ECDSA P-256") from error
        if not name or hashlib.sha256(identity).hexdigest()[:8] != key_id:
            raise InvalidKeyError("the id of the verifier key belongs to another name or key")
        return cls(name, bytes.fromhex(key_id), check)

    def holds(self, text: bytes, signature: bytes) -> bool:
        """Tell whether `signature` is this key's over `text`."""
        try:
            self._check(signature, text)
        except InvalidSignature:
            return False
        return True


def _ed25519(name: str, blob: bytes) -> tuple[Callable[[bytes, bytes], None], bytes]:
    key = ed25519.Ed25519PublicKey.from_public_bytes(blob[1:])
    return key.verify, name.encode() + b"\n" + blob


def _ecdsa(blob: bytes) -> tuple[Callable[[bytes, bytes], None], bytes]:
    key = serialization.load_der_public_key(blob[1:])
    if blob[:1] != b"\x02" or not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise ValueError("not an ECDSA P-256 key")
    return lambda signature, text: key.verify(signature, text, ec.ECDSA(hashes.SHA256())), blob[1:]
