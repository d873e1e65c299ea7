"""A descriptor and its envelope, in one step each: nobody reads a descriptor whose signature was not checked first."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from secure_ds.data import envelope
from secure_ds.data.descriptor import DatasetDescriptor, parse_descriptor
from secure_ds.data.errors import InvalidEnvelope


def sign_descriptor(descriptor: DatasetDescriptor, upload_key: Ed25519PrivateKey) -> bytes:
    """Return the envelope of a descriptor.

    Raises:
        InvalidEnvelope: the descriptor names another upload key.
    """
    _require_same_key(descriptor, upload_key.public_key())
    return envelope.sign(descriptor.canonical, upload_key)


def open_descriptor(signed: bytes, upload_key: Ed25519PublicKey) -> DatasetDescriptor:
    """Return the descriptor in an envelope that `upload_key` signed.

    Raises:
        InvalidEnvelope: the signature does not verify, or the descriptor names another upload key.
        InvalidDescriptor: the owner signed something that is no valid descriptor.
    """
    descriptor = parse_descriptor(envelope.verify(signed, upload_key))
    _require_same_key(descriptor, upload_key)
    return descriptor


def _require_same_key(descriptor: DatasetDescriptor, upload_key: Ed25519PublicKey) -> None:
    if descriptor.upload_key != upload_key.public_bytes_raw().hex():
        raise InvalidEnvelope
