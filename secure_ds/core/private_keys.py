"""Private keys in files that only their owner may read: Ed25519 for signing, P-256 for what is sealed to somebody.

Rules: PKCS#8 PEM, mode 0600 from the first byte on, never overwritten; a key that others may read is refused.
"""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PRIVATE = 0o600
READABLE_BY_OTHERS = 0o077


class PrivateKeyUnusable(Exception):
    """A private key cannot be made or read; the message names the file and never its content."""

    code = "private_key_unusable"


def make_private_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it where there is none yet.

    Raises:
        PrivateKeyUnusable: there is a file already, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    _write(path, key)
    return key


def make_sealing_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key and write it where there is none yet.

    Raises:
        PrivateKeyUnusable: there is a file already, or it cannot be written.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    _write(path, key)
    return key


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a key.

    Raises:
        PrivateKeyUnusable: the file cannot be read, others may read it too, or it holds no Ed25519 private key.
    """
    key = _read(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise PrivateKeyUnusable(f"{path} holds another kind of key than Ed25519")
    return key


def load_sealing_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 key.

    Raises:
        PrivateKeyUnusable: the file cannot be read, others may read it too, or it holds no private key of P-256.
    """
    key = _read(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise PrivateKeyUnusable(f"{path} holds another kind of key than P-256")
    return key


def public_hex(key: Ed25519PrivateKey) -> str:
    """The public half, 32 raw bytes in hexadecimal: how keys are named in descriptors, settings and logs."""
    return key.public_key().public_bytes_raw().hex()


def public_point(key: ec.EllipticCurvePrivateKey) -> str:
    """The public half of a P-256 key, an uncompressed point in hexadecimal."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint).hex()


def _write(path: Path, key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            file.write(pem)
    except OSError as error:
        raise PrivateKeyUnusable(f"{path} cannot be written ({type(error).__name__})") from None


def _read(path: Path) -> PrivateKeyTypes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & READABLE_BY_OTHERS:
                raise PrivateKeyUnusable(f"others may read {path}; run `chmod 600 {path}`")
            return load_pem_private_key(file.read(), password=None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise PrivateKeyUnusable(f"{path} cannot be read as a private key ({type(error).__name__})") from None
