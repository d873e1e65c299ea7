"""The owner's upload key: the Ed25519 key that signs descriptors, in a file that only its owner may read."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.client.errors import InvalidUploadKey
from secure_ds.core.private_keys import PrivateKeyUnusable, load_private_key, make_private_key


def make_upload_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it, as PKCS#8 PEM, where there is none yet.

    Raises:
        InvalidUploadKey: there is a file already, or it cannot be written.
    """
    try:
        return make_private_key(path)
    except PrivateKeyUnusable as error:
        raise InvalidUploadKey(str(error)) from None


def public_key_text(key: Ed25519PrivateKey) -> str:
    """Return the public half as descriptors and terms name it: raw, hexadecimal."""
    return key.public_key().public_bytes_raw().hex()


def load_upload_key(path: Path) -> Ed25519PrivateKey:
    """Read a key.

    Raises:
        InvalidUploadKey: the file cannot be read, others may read it too, or it holds no Ed25519 private key.
    """
    try:
        return load_private_key(path)
    except PrivateKeyUnusable as error:
        raise InvalidUploadKey(str(error)) from None
