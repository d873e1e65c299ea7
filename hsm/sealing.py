"""Sealing to a key that never leaves its store: HPKE (RFC 9180), base mode.

Rules:
- One suite: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. Nothing is negotiated.
- `seal` is the `cryptography` library's HPKE. It has no way to use a Diffie-Hellman done elsewhere, so `open_sealed`
  follows RFC 9180 over `KeyStore.derive`: the private key stays in the token.
- Context goes into `info`, which both sides must give alike. There is one message for each encapsulated key.
- Every bad input is `SealBroken`; only an unavailable store is told apart, since then nothing was decided.

A sealed message is `enc` (65 bytes) followed by ciphertext and tag: 81 bytes more than the plaintext.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac, hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from hsm.errors import HsmUsageError, SealBroken
from hsm.interface import KeyStore
from hsm.keys import KeyRef
from hsm.public_keys import POINT_BYTES, load_point, public_bytes

TAG_BYTES = 16
NONCE_BYTES = 12
HASH_BYTES = 32
OVERHEAD_BYTES = POINT_BYTES + TAG_BYTES

_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)

# RFC 9180 sections 5.1, 7.1, 7.2: identifiers of what the suite is made of.
_MODE_BASE = b"\x00"
_VERSION = b"HPKE-v1"
_KEM_ID = (0x0010).to_bytes(2, "big")
_KDF_ID = (0x0001).to_bytes(2, "big")
_KEM_SUITE = b"KEM" + _KEM_ID


@dataclass(frozen=True, slots=True)
class Aead:
    """An AEAD as the key schedule sees it (RFC 9180 section 7.3)."""

    identifier: int
    key_bytes: int


AES_256_GCM = Aead(0x0002, 32)


def seal(public_key: ec.EllipticCurvePublicKey, plaintext: bytes, info: bytes) -> bytes:
    """Seal `plaintext` to the holder of a P-256 key.

    Args:
        public_key: from `KeyStore.public_key`, received over an authenticated way.
        info: what the message is bound to; opening needs the same bytes.

    Returns:
        `len(plaintext) + 81` bytes, different each time.

    Raises:
        HsmUsageError: the key is not on P-256.
    """
    if not isinstance(public_key.curve, ec.SECP256R1):
        raise HsmUsageError("sealing needs a P-256 public key")
    return _SUITE.encrypt(plaintext, public_key, info=info)


def open_sealed(keystore: KeyStore, ref: KeyRef, sealed: bytes, info: bytes) -> bytes:
    """Open what `seal` made for the key `ref`.

    Raises:
        SealBroken: changed, truncated, sealed to another key or with another `info`, or not sealed at all.
        WrongPurpose, WrongState, UnknownKey: `ref` cannot derive.
        HsmUnavailable: the store cannot answer now.
    """
    if len(sealed) < OVERHEAD_BYTES:
        raise SealBroken
    enc, ciphertext = sealed[:POINT_BYTES], sealed[POINT_BYTES:]
    _check_point(enc)
    secret = shared_secret(keystore.derive(ref, enc), enc, public_bytes(keystore.public_key(ref)))
    key, nonce = key_schedule(secret, info)
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, b"")
    except InvalidTag:
        raise SealBroken from None


def _check_point(enc: bytes) -> None:
    try:
        load_point(enc)
    except HsmUsageError:
        raise SealBroken from None


def shared_secret(dh: bytes, enc: bytes, recipient_point: bytes) -> bytes:
    """`ExtractAndExpand` of DHKEM(P-256, HKDF-SHA256), RFC 9180 section 4.1; 32 bytes."""
    extracted = _extract(_KEM_SUITE, b"", b"eae_prk", dh)
    return _expand(_KEM_SUITE, extracted, b"shared_secret", enc + recipient_point, HASH_BYTES)


def key_schedule(secret: bytes, info: bytes, aead: Aead = AES_256_GCM) -> tuple[bytes, bytes]:
    """`KeySchedule` in base mode, RFC 9180 section 5.1.

    Args:
        secret: from `shared_secret`.
        info: as given to `seal`.
        aead: the suite's; another one only to check against the RFC's vectors.

    Returns:
        The AEAD key and the nonce of the first message.
    """
    suite = b"HPKE" + _KEM_ID + _KDF_ID + aead.identifier.to_bytes(2, "big")
    psk_id_hash = _extract(suite, b"", b"psk_id_hash", b"")
    context = _MODE_BASE + psk_id_hash + _extract(suite, b"", b"info_hash", info)
    schedule_secret = _extract(suite, secret, b"secret", b"")
    key = _expand(suite, schedule_secret, b"key", context, aead.key_bytes)
    return key, _expand(suite, schedule_secret, b"base_nonce", context, NONCE_BYTES)


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    """`LabeledExtract`, RFC 9180 section 4. An empty salt is 32 zero bytes (RFC 5869 section 2.2)."""
    mac = hmac.HMAC(salt or bytes(HASH_BYTES), hashes.SHA256())
    mac.update(_VERSION + suite + label + ikm)
    return mac.finalize()


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """`LabeledExpand`, RFC 9180 section 4."""
    labelled = length.to_bytes(2, "big") + _VERSION + suite + label + info
    return HKDFExpand(hashes.SHA256(), length, labelled).derive(prk)
