"""DSSE envelopes signed with an owner's Ed25519 upload key.

Rules kept here:

1. The signature covers payload *and* payload type (DSSE v1.0.2, pre-authentication encoding), so a signed descriptor
   can never pass for a consent, or for any other kind of document.
2. A payload is returned only after its signature verified; every failure is the same `InvalidEnvelope`.
3. One envelope has one spelling: exactly one signature, strict padded base64, no further fields.
"""

import base64
import binascii
import hashlib
import json
from typing import Annotated, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secure_ds.data.errors import InvalidEnvelope

PAYLOAD_TYPE: Final = "application/vnd.secure-ds.dataset+json"
MAX_ENVELOPE_BYTES: Final = 16 * 2**20


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Signature(_Closed):
    keyid: str
    sig: str


class _Envelope(_Closed):
    payload: str
    payloadType: str  # noqa: N815  the specification's name
    signatures: Annotated[list[_Signature], Field(min_length=1, max_length=1)]


def key_id(public_key: Ed25519PublicKey) -> str:
    """Return the name of an upload key: the `sha256:` digest of its 32 raw bytes."""
    return "sha256:" + hashlib.sha256(public_key.public_bytes_raw()).hexdigest()


def sign(payload: bytes, upload_key: Ed25519PrivateKey, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the envelope, as JSON, that carries `payload` under the signature of `upload_key`."""
    signature = upload_key.sign(_pre_authentication_encoding(payload, payload_type))
    return json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": payload_type,
            "signatures": [{"keyid": key_id(upload_key.public_key()), "sig": base64.b64encode(signature).decode()}],
        }
    ).encode()


def verify(envelope: bytes, upload_key: Ed25519PublicKey, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the payload of an envelope of that type signed by `upload_key`.

    Raises:
        InvalidEnvelope: anything at all is wrong with it.
    """
    parsed = _parse(envelope)
    payload, signature = _decode(parsed.payload), _decode(parsed.signatures[0].sig)
    if parsed.payloadType != payload_type or parsed.signatures[0].keyid != key_id(upload_key):
        raise InvalidEnvelope
    try:
        upload_key.verify(signature, _pre_authentication_encoding(payload, payload_type))
    except InvalidSignature:
        raise InvalidEnvelope from None
    return payload


def claimed_key_id(envelope: bytes) -> str:
    """Return the name of the key that the envelope says signed it, *unverified*: good only to look a key up.

    Raises:
        InvalidEnvelope: the envelope is malformed.
    """
    return _parse(envelope).signatures[0].keyid


def claimed_payload_type(envelope: bytes) -> str:
    """Return what the envelope says it carries, *unverified*: good only to see how to read it.

    Raises:
        InvalidEnvelope: the envelope is malformed.
    """
    return _parse(envelope).payloadType


def _parse(envelope: bytes) -> _Envelope:
    if len(envelope) > MAX_ENVELOPE_BYTES:
        raise InvalidEnvelope
    try:
        return _Envelope.model_validate_json(envelope)
    except ValidationError:
        raise InvalidEnvelope from None


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidEnvelope from None
    if base64.b64encode(data).decode() != text:  # non-zero trailing bits would give one payload two spellings
        raise InvalidEnvelope
    return data


def _pre_authentication_encoding(payload: bytes, payload_type: str) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
