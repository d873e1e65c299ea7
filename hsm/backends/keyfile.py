"""The file of the software key store: AES-256-GCM under a key that scrypt makes from the PIN.

Rules:
- Version tag first; the whole header is authenticated with the contents.
- Wrong PIN, truncation and change look the same: `KeyFileBroken`.
- A write is a new file, synced, then renamed over the old one: a crash leaves the old or the new one whole.
- Only the owner may read the file, from its first byte on.

Format, version 1: tag `SDSKF` 0x01 | log2 of the scrypt cost, 1 byte | salt, 16 | nonce, 12 | ciphertext and tag.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from hsm.errors import HsmUnavailable, KeyFileBroken

TAG = b"SDSKF\x01"
SALT_BYTES = 16
NONCE_BYTES = 12
COST_LOG2 = 15  # 32 MiB and about 0.1 s for each guess (RFC 7914: N = 2^15, r = 8, p = 1)
_MAX_COST_LOG2 = 20  # 1 GiB; a forged header must not make the reader allocate more
_PREFIX_BYTES = len(TAG) + 1 + SALT_BYTES
_HEADER_BYTES = _PREFIX_BYTES + NONCE_BYTES


class KeyFile:
    """One key file, open for the life of its key store.

    Args:
        path: the file; it need not exist.
        pin: used once, here, and not kept.

    Raises:
        KeyFileBroken: the file exists and is not a key file; from `read`, it does not open under `pin`.
        HsmUnavailable: it cannot be read.
    """

    def __init__(self, path: Path, pin: str) -> None:
        self._path = path
        sealed = _read(path)
        self._prefix = _prefix_of(sealed) if sealed else TAG + bytes([COST_LOG2]) + os.urandom(SALT_BYTES)
        self._aead = AESGCM(_stretch(pin, self._prefix))

    def read(self) -> bytes:
        """The contents as the disk has them; empty if there is no file yet."""
        sealed = _read(self._path)
        if not sealed:
            return b""
        header, nonce = sealed[:_HEADER_BYTES], sealed[_PREFIX_BYTES:_HEADER_BYTES]
        try:
            return self._aead.decrypt(nonce, sealed[_HEADER_BYTES:], header)
        except InvalidTag:
            raise KeyFileBroken("the key file does not open: wrong PIN, or the file was damaged") from None

    def write(self, contents: bytes) -> None:
        """Replace the contents, durably and all at once."""
        header = self._prefix + os.urandom(NONCE_BYTES)
        sealed = header + self._aead.encrypt(header[_PREFIX_BYTES:], contents, header)
        fresh = self._path.with_name(self._path.name + ".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        _sync_folder(self._path.parent)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise HsmUnavailable(f"the key file {path} cannot be read ({error.strerror})") from None


def _prefix_of(sealed: bytes) -> bytes:
    prefix = sealed[:_PREFIX_BYTES]
    if len(sealed) < _HEADER_BYTES or not prefix.startswith(TAG) or prefix[len(TAG)] > _MAX_COST_LOG2:
        raise KeyFileBroken("this is not a software key file of version 1")
    return prefix


def _stretch(pin: str, prefix: bytes) -> bytes:
    cost, salt = prefix[len(TAG)], prefix[len(TAG) + 1 :]
    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(pin.encode())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
