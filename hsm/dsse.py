"""Signed statements: DSSE envelopes (secure-systems-lab/dsse, protocol 1.0.2).

Rules:
- A signature covers the payload and its type, through DSSE's pre-authentication encoding; nothing is parsed before it
  verified.
- A key is named by the SHA-256 of its SubjectPublicKeyInfo, so that a verifier needs public keys and nothing else.
- The caller says which type and which keys it expects; an envelope never chooses either.
- Every bad envelope is `EnvelopeRejected`.

An envelope is canonical JSON (RFC 8785) with the members payload, payloadType and signatures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, Key, SecretsHandler, Signature, Signer, SSlibKey

from hsm.errors import EnvelopeRejected, HsmUsageError
from hsm.interface import KeyStore
from hsm.keys import KeyRef
from hsm.public_keys import PublicKey, public_key_id

MAX_ENVELOPE_BYTES = 16 * 1024 * 1024
_MEMBERS = {"payload", "payloadType", "signatures"}
_SIGNATURE_MEMBERS = {"keyid", "sig"}


class KeyStoreSigner(Signer):
    """Signs with a key that stays in its store.

    Args:
        keystore: holds the key.
        ref: an active signing key, P-256 or Ed25519.
    """

    def __init__(self, keystore: KeyStore, ref: KeyRef) -> None:
        self._keystore, self._ref = keystore, ref
        self._public = _named(keystore.public_key(ref))

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Self:
        """Refused: a signer of ours is made from an open key store, which alone reads PINs."""
        raise HsmUsageError("make a KeyStoreSigner from an open key store and a handle")

    @property
    def public_key(self) -> SSlibKey:
        return self._public

    def sign(self, payload: bytes) -> Signature:
        """Sign bytes that are already pre-authentication encoded.

        Raises:
            HsmError: from `KeyStore.sign`.
        """
        return Signature(self._public.keyid, self._keystore.sign(self._ref, payload).hex())


def local_signer(private_key: Ed25519PrivateKey) -> Signer:
    """A signer for a key in this process's memory: the owner's upload key, on the owner's machine."""
    return CryptoSigner(private_key, _named(private_key.public_key()))


def sign_envelope(payload: bytes, payload_type: str, *signers: Signer) -> bytes:
    """Sign `payload` as a statement of `payload_type`, by each of `signers`.

    Raises:
        HsmUsageError: no signer.
        HsmError: from a signer; no envelope is made.
    """
    if not signers:
        raise HsmUsageError("an envelope needs a signer")
    envelope = Envelope(payload, payload_type, {})
    for signer in signers:
        envelope.sign(signer)
    return rfc8785.dumps(envelope.to_dict())


@dataclass(frozen=True, slots=True)
class Statement:
    """What a verified envelope says."""

    payload: bytes
    signed_by: str
    """`public_key_id` of the trusted key whose signature verified."""


def open_envelope(data: bytes, payload_type: str, trusted: Iterable[PublicKey]) -> Statement:
    """Verify an envelope from public keys alone.

    Args:
        data: the envelope's bytes, at most 16 MiB.
        payload_type: the only type accepted.
        trusted: keys of which one must have signed.

    Raises:
        EnvelopeRejected: malformed, of another type, or signed by none of `trusted`.
    """
    envelope = _parse(data)
    keys: list[Key] = [_named(key) for key in trusted]
    try:
        if envelope.payload_type != payload_type:
            raise EnvelopeRejected
        accepted = envelope.verify(keys, threshold=1)
    except (VerificationError, ValueError):
        raise EnvelopeRejected from None
    return Statement(envelope.payload, next(iter(accepted)))


def _named(public_key: PublicKey) -> SSlibKey:
    return SSlibKey.from_crypto(public_key, keyid=public_key_id(public_key))


def _parse(data: bytes) -> Envelope:
    if len(data) > MAX_ENVELOPE_BYTES:
        raise EnvelopeRejected
    try:
        members = json.loads(data, object_pairs_hook=_no_repeats)
        if set(members) != _MEMBERS or any(set(one) != _SIGNATURE_MEMBERS for one in members["signatures"]):
            raise EnvelopeRejected
        return Envelope.from_dict(members)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise EnvelopeRejected from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise EnvelopeRejected
    return members
