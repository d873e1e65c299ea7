"""Keys in an encrypted file and, while the store is open, in the memory of this process. For laptops and tests.

Rules:
- It names itself insecure in its capabilities, its `repr` and a warning at every start, and refuses production mode.
- At rest everything is encrypted under the PIN (`hsm.backends.keyfile`).
- One process at a time: the file is locked for as long as the store is open.
- Destroying a key writes a new file without it. The old file's blocks may survive on the disk: only a token, or an
  encrypted disk, gives real erasure.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from hsm.backends.keyfile import KeyFile
from hsm.errors import HsmUnavailable, InsecureBackend, KeyFileBroken, TokenBusy, TokenFull, UnwrapFailed
from hsm.interface import KeyStore, Observer, ignore_observation
from hsm.keys import Algorithm, Capabilities, KeyRecord
from hsm.pin import PinSource
from hsm.public_keys import load_point, public_bytes

Entries = dict[bytes, tuple[KeyRecord, bytes]]
"""By key id: the record, and the secret (empty once destroyed). AES and Ed25519: 32 bytes; P-256: the scalar."""

logger = logging.getLogger(__name__)


class SoftwareKeyStore(KeyStore):
    """A key store in a file.

    Args:
        path: the key file; made, with its folder, if it does not exist.
        pin: read once, at opening.
        production: whether this process serves production, which is refused.

    Raises:
        InsecureBackend: in production.
        TokenBusy: another store has the file open.
        KeyFileBroken: wrong PIN or damaged file.
        PinUnavailable: the PIN cannot be read.
    """

    def __init__(
        self, path: Path, pin: PinSource, *, production: bool = False, observer: Observer = ignore_observation
    ) -> None:
        super().__init__(observer=observer)
        if production:
            raise InsecureBackend("the software key store keeps keys in memory; production needs a PKCS#11 token")
        self._path = path
        self._half_made: Entries = {}
        with self._operation("open"):
            self._guard = _lock_file(path)
            try:
                self._file = KeyFile(path, pin.read())
                self._entries = _decode(self._file.read())
            except BaseException:
                os.close(self._guard)
                raise
            self._refresh()
        logger.warning("INSECURE software key store in use: keys lie in this process's memory; not for production")

    def __repr__(self) -> str:
        return f"<SoftwareKeyStore INSECURE {self._path}>"

    def _capabilities(self) -> Capabilities:
        return Capabilities("the INSECURE software key store", secure=False, algorithms=frozenset(Algorithm))

    def _load(self) -> tuple[KeyRecord, ...]:
        return tuple(record for record, _ in self._entries.values())

    def _making(self) -> AbstractContextManager[None]:
        return nullcontext()  # the file is locked for as long as the store is open

    def _create(self, record: KeyRecord) -> KeyRecord:
        self._half_made[record.key_id] = _new_secret(record)
        return self._half_made[record.key_id][0]

    def _activate(self, record: KeyRecord) -> None:
        self._write({**self._entries, record.key_id: self._half_made[record.key_id]})
        del self._half_made[record.key_id]

    def _settle(self) -> None:
        self._entries = _decode(self._file.read())

    def _discard(self, record: KeyRecord) -> None:
        self._half_made.pop(record.key_id, None)

    def _destroy(self, record: KeyRecord) -> None:
        self._write({**self._entries, record.key_id: (replace(record, alive=False), b"")})

    def _wrap(self, record: KeyRecord, data_key: bytes) -> bytes:
        return aes_key_wrap(self._secret(record), data_key)

    def _unwrap(self, record: KeyRecord, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._secret(record), wrapped)
        except InvalidUnwrap:
            raise UnwrapFailed from None

    def _sign(self, record: KeyRecord, to_sign: bytes) -> bytes:
        if record.algorithm is Algorithm.ED25519:
            return Ed25519PrivateKey.from_private_bytes(self._secret(record)).sign(to_sign)
        signature = _p256(self._secret(record)).sign(to_sign, ec.ECDSA(Prehashed(hashes.SHA256())))
        return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signature))

    def _derive(self, record: KeyRecord, point: bytes) -> bytes:
        return _p256(self._secret(record)).exchange(ec.ECDH(), load_point(point))

    def _close(self) -> None:
        self._entries.clear()
        os.close(self._guard)

    def _secret(self, record: KeyRecord) -> bytes:
        return {**self._half_made, **self._entries}[record.key_id][1]

    def _write(self, entries: Entries) -> None:
        try:
            self._file.write(_encode(entries))
        except OSError as error:
            raise TokenFull(f"the key file cannot be written ({error.strerror}); make room and try again") from None
        self._entries = entries


def _new_secret(record: KeyRecord) -> tuple[KeyRecord, bytes]:
    if record.algorithm is Algorithm.AES256_KW:
        return record, os.urandom(32)
    if record.algorithm is Algorithm.ED25519:
        key = Ed25519PrivateKey.generate()
        return replace(record, public=public_bytes(key.public_key())), key.private_bytes_raw()
    pair = ec.generate_private_key(ec.SECP256R1())
    secret = pair.private_numbers().private_value.to_bytes(32, "big")
    return replace(record, public=public_bytes(pair.public_key())), secret


def _p256(secret: bytes) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())


def _encode(entries: Entries) -> bytes:
    rows = [
        {
            "label": record.label,
            "version": record.version,
            "algorithm": record.algorithm.value,
            "key_id": record.key_id.hex(),
            "public": record.public.hex() if record.public else None,
            "alive": record.alive,
            "secret": secret.hex(),
        }
        for record, secret in entries.values()
    ]
    return json.dumps(rows, sort_keys=True).encode()


def _decode(contents: bytes) -> Entries:
    try:
        pairs = [_decode_row(row) for row in json.loads(contents or b"[]")]
    except (KeyError, TypeError, ValueError):
        raise KeyFileBroken("the key file opens but its contents are not those of version 1") from None
    return {record.key_id: (record, secret) for record, secret in pairs}


def _decode_row(row: dict[str, Any]) -> tuple[KeyRecord, bytes]:
    record = KeyRecord(
        label=row["label"],
        version=row["version"],
        algorithm=Algorithm(row["algorithm"]),
        key_id=bytes.fromhex(row["key_id"]),
        public=bytes.fromhex(row["public"]) if row["public"] else None,
        alive=row["alive"],
    )
    return record, bytes.fromhex(row["secret"])


def _lock_file(path: Path) -> int:
    """Lock `<path>.lock` for this open store. A separate file, because the key file is replaced at each write."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HsmUnavailable(f"the key file {path} cannot be opened ({error.strerror})") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise TokenBusy(f"the key file {path} is open in another key store; share that one, or close it") from None
    return descriptor
