"""The owner's upload key: the Ed25519 key that signs descriptors, in a file that only its owner may read."""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from secure_ds.client.errors import InvalidUploadKey

PRIVATE = 0o600
READABLE_BY_OTHERS = 0o077


def make_upload_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it, as PKCS#8 PEM, where there is none yet.

    Raises:
        InvalidUploadKey: there is a file already, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            file.write(pem)
    except OSError as error:
        raise InvalidUploadKey(f"{path} cannot be written ({type(error).__name__})") from None
    return key


def load_upload_key(path: Path) -> Ed25519PrivateKey:
    """Read a key.

    Raises:
        InvalidUploadKey: the file cannot be read, others may read it too, or it holds no Ed25519 private key.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & READABLE_BY_OTHERS:
                raise InvalidUploadKey(f"others may read {path}; run `chmod 600 {path}`")
            key = load_pem_private_key(file.read(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InvalidUploadKey(f"{path} cannot be read as a private key ({type(error).__name__})") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidUploadKey(f"{path} holds another kind of key than Ed25519")
    return key
