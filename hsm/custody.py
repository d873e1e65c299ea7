"""Secrets outside the store, closed under a key inside it.

Rules:
- Each blob has a fresh 256-bit data key, wrapped by the store, and so AES-GCM never sees a nonce twice under one key.
- What the blob is for (`context`) and its whole header are authenticated; a blob cannot be moved to another place.
- Every bad input is `BlobBroken`; only an unavailable store is told apart, since then nothing was decided.
- A retiring version opens, the active one closes: to rewrap is to open and close again.

Format, version 1: tag `SDWB` 0x01 | key id, 16 | wrapped data key, 40 | nonce, 12 | ciphertext and tag.
The authenticated data of AES-GCM is the first 61 bytes followed by `context`.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hsm.errors import BlobBroken, UnknownKey, UnwrapFailed, WrongPurpose, WrongState
from hsm.interface import DATA_KEY_BYTES, WRAPPED_KEY_BYTES, KeyStore
from hsm.keys import KEY_ID_BYTES, KeyRef

TAG = b"SDWB\x01"
NONCE_BYTES = 12
_WRAPPED_AT = len(TAG) + KEY_ID_BYTES
_NONCE_AT = _WRAPPED_AT + WRAPPED_KEY_BYTES
_BODY_AT = _NONCE_AT + NONCE_BYTES


def wrap_blob(keystore: KeyStore, ref: KeyRef, plaintext: bytes, context: bytes) -> bytes:
    """Close `plaintext` under the active wrapping key `ref`.

    Args:
        context: what the secret belongs to, such as a data set id; opening needs the same bytes.

    Returns:
        `len(plaintext) + 89` bytes, different each time.

    Raises:
        UnknownKey, WrongPurpose, WrongState: `ref` cannot wrap.
        HsmUnavailable: the store cannot answer now.
    """
    data_key, nonce = os.urandom(DATA_KEY_BYTES), os.urandom(NONCE_BYTES)
    header = TAG + bytes.fromhex(ref.key_id) + keystore.wrap(ref, data_key)
    return header + nonce + AESGCM(data_key).encrypt(nonce, plaintext, header + context)


def unwrap_blob(keystore: KeyStore, blob: bytes, context: bytes) -> bytes:
    """Open what `wrap_blob` made; the blob itself names its key.

    Raises:
        BlobBroken: changed, truncated, another `context`, its key unknown or destroyed, or not a blob at all.
        HsmUnavailable: the store cannot answer now.
    """
    if len(blob) < _BODY_AT or not blob.startswith(TAG):
        raise BlobBroken
    header, nonce = blob[:_NONCE_AT], blob[_NONCE_AT:_BODY_AT]
    try:
        ref = keystore.lookup(header[len(TAG) : _WRAPPED_AT].hex())
        data_key = keystore.unwrap(ref, header[_WRAPPED_AT:])
        return AESGCM(data_key).decrypt(nonce, blob[_BODY_AT:], header + context)
    except (UnknownKey, WrongPurpose, WrongState, UnwrapFailed, InvalidTag):
        raise BlobBroken from None


def blob_key_id(blob: bytes) -> str:
    """The `KeyRef.key_id` that a blob names, unauthenticated: enough to find the blobs of an old version.

    Raises:
        BlobBroken: not a blob.
    """
    if len(blob) < _BODY_AT or not blob.startswith(TAG):
        raise BlobBroken
    return blob[len(TAG) : _WRAPPED_AT].hex()
