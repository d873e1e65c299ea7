"""A sealed data set's descriptor in its envelope: nobody reads one whose signature was not checked first.

It is signed under a payload type of its own, so it never passes for an encrypted data set's, or the other way round.
"""

from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from secure_ds.data import envelope
from secure_ds.data.errors import InvalidEnvelope
from secure_ds.data.sealed.descriptor import SealedDescriptor, parse_sealed_descriptor
from secure_ds.data.signed import unverified_payload

PAYLOAD_TYPE: Final = "application/vnd.secure-ds.sealed-dataset+json"


def sign_sealed_descriptor(descriptor: SealedDescriptor, upload_key: Ed25519PrivateKey) -> bytes:
    """Return the envelope of a descriptor.

    Raises:
        InvalidEnvelope: the descriptor names another upload key.
    """
    _require_same_key(descriptor, upload_key.public_key())
    return envelope.sign(descriptor.canonical, upload_key, PAYLOAD_TYPE)


def open_sealed_descriptor(signed: bytes, upload_key: Ed25519PublicKey) -> SealedDescriptor:
    """Return the descriptor in an envelope that `upload_key` signed.

    Raises:
        InvalidEnvelope: the signature does not verify, or the descriptor names another upload key.
        InvalidDescriptor: the owner signed something that is no valid descriptor.
    """
    descriptor = parse_sealed_descriptor(envelope.verify(signed, upload_key, PAYLOAD_TYPE))
    _require_same_key(descriptor, upload_key)
    return descriptor


@lru_cache(maxsize=64)
def open_own_sealed_descriptor(signed: bytes) -> SealedDescriptor:
    """Return the descriptor of an envelope that is signed by the upload key the descriptor names.

    Raises:
        InvalidEnvelope: the envelope is malformed or its signature does not hold.
        InvalidDescriptor: what was signed is not a descriptor.
    """
    claimed = parse_sealed_descriptor(unverified_payload(signed))
    return open_sealed_descriptor(signed, Ed25519PublicKey.from_public_bytes(bytes.fromhex(claimed.upload_key)))


def is_sealed(signed: bytes) -> bool:
    """Tell, *unverified*, whether an envelope says that it carries a sealed data set's descriptor; not if malformed."""
    try:
        return envelope.claimed_payload_type(signed) == PAYLOAD_TYPE
    except InvalidEnvelope:
        return False


def _require_same_key(descriptor: SealedDescriptor, upload_key: Ed25519PublicKey) -> None:
    if descriptor.upload_key != upload_key.public_bytes_raw().hex():
        raise InvalidEnvelope
