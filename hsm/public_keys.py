"""Public keys and signatures as bytes: one encoding each, checked on the way in and out.

Rules:
- P-256 points are uncompressed, 65 bytes, on the curve. Ed25519 keys are 32 bytes.
- ECDSA signatures are 64 bytes (r || s) inside a token and DER outside; r and s lie in [1, n - 1].
- A key is named by the SHA-256 of its SubjectPublicKeyInfo.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hsm.errors import HsmUsageError, TokenFault
from hsm.keys import Algorithm

PublicKey = ec.EllipticCurvePublicKey | Ed25519PublicKey

POINT_BYTES = 65
ED25519_BYTES = 32
RAW_SIGNATURE_BYTES = 64
# Order of the P-256 base point, SP 800-186 section 3.2.1.3.
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def load_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Decode a 65-byte uncompressed P-256 point.

    Raises:
        HsmUsageError: wrong length, wrong form, or not on the curve.
    """
    if len(point) != POINT_BYTES or point[0] != 4:
        raise HsmUsageError("a P-256 point is 65 bytes in uncompressed form")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes(point))
    except ValueError:
        raise HsmUsageError("the point is not on P-256") from None


def public_bytes(public_key: PublicKey) -> bytes:
    """Encode the public half of a key: the 65-byte uncompressed point, or the 32 bytes of Ed25519."""
    if isinstance(public_key, Ed25519PublicKey):
        return public_key.public_bytes_raw()
    return public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def load_public(algorithm: Algorithm, public: bytes) -> PublicKey:
    """Decode the public half of a key of `algorithm` from its raw encoding."""
    if algorithm is Algorithm.ED25519:
        return Ed25519PublicKey.from_public_bytes(public)
    return load_point(public)


def public_key_id(public_key: PublicKey) -> str:
    """Name a public key: `sha256:` and the hex digest of its DER SubjectPublicKeyInfo (RFC 5280)."""
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256:" + hashlib.sha256(der).hexdigest()


def signature_is_valid(public_key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether `signature` (DER for P-256, 64 bytes for Ed25519) is one of `message` under `public_key`."""
    try:
        if isinstance(public_key, Ed25519PublicKey):
            public_key.verify(signature, message)
        else:
            public_key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def finish_signature(algorithm: Algorithm, raw: bytes) -> bytes:
    """Turn a token's 64-byte answer into the outside form, after length and range checks.

    Raises:
        TokenFault: the answer has another length, or r or s is out of range (tokens are known that accept and
            make signatures of the wrong length).
    """
    if len(raw) != RAW_SIGNATURE_BYTES:
        raise TokenFault(f"the token answered a signature of {len(raw)} bytes instead of {RAW_SIGNATURE_BYTES}")
    if algorithm is Algorithm.ED25519:
        return raw
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    if not (0 < r < P256_ORDER and 0 < s < P256_ORDER):
        raise TokenFault("the token answered an ECDSA signature out of range")
    return encode_dss_signature(r, s)
