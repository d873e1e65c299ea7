"""The key store: what every backend promises, in one place.

Rules, each kept here so that no backend can forget it:
- Public methods validate, take one process-wide lock, time, and close the error set; a backend implements only the
  underscore twins and is never called without the lock.
- Secrets never leave, with two exceptions that are the point: `unwrap` answers a 32-byte data key and `derive` a
  Diffie-Hellman secret. A key that lives in the store cannot be wrapped: no method takes one.
- A version is handed out only after a probe used it, and after it was read back past every cache: SoftHSM on a full
  disk acknowledges keys, and uses them, that are gone when the process ends.
- A signature leaves only after it verified under the public key.
- Only active keys wrap and sign; active and retiring keys unwrap and derive.
- A store serves the process that opened it. After a fork it refuses, before touching the token.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Self

from cryptography.hazmat.primitives.asymmetric import ec

from hsm.errors import (
    ForkedProcess,
    HsmError,
    HsmUsageError,
    KeyExists,
    KeyStoreClosed,
    TokenFault,
    TokenFull,
    UnknownKey,
    UnwrapFailed,
    WrongPurpose,
    WrongState,
)
from hsm.keys import KEY_ID_BYTES, Algorithm, Capabilities, KeyRecord, KeyRef, KeyState, Purpose, check_label, refs_of
from hsm.public_keys import PublicKey, finish_signature, load_point, load_public, public_bytes, signature_is_valid

DATA_KEY_BYTES = 32
WRAPPED_KEY_BYTES = 40
SHARED_SECRET_BYTES = 32

_CLOSES = frozenset({KeyState.ACTIVE})
_OPENS = frozenset({KeyState.ACTIVE, KeyState.RETIRING})


@dataclass(frozen=True, slots=True)
class Observation:
    """One finished operation, for metrics. Holds no key material and no caller data."""

    operation: str
    key: str
    """`label#version`, or the label, or empty."""
    seconds: float
    """Includes waiting for the lock."""
    outcome: str
    """`ok`, or the `code` of the error raised."""


Observer = Callable[[Observation], None]


def ignore_observation(observation: Observation) -> None:
    """The observer of a store that nobody watches."""


class KeyStore(ABC):
    """A store of keys that never leave it.

    Guarantees:
        - Thread-safe: any method from any thread of the process that made the store.
        - Every exception is an `HsmError`.
        - `wrap`, `unwrap`, `sign`, `derive` and `list` survive one lost session, if the backend has sessions.

    Args:
        observer: told about each operation, after it, outside the lock. It must not raise.
    """

    # One lock for the process, not one per store: a token's library has one state however many stores use it.
    _lock: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, *, observer: Observer = ignore_observation) -> None:
        self._observer = observer
        self._pid = os.getpid()
        self._closed = False
        self._records: dict[bytes, KeyRecord] = {}
        self._refs: dict[str, KeyRef] = {}

    # --- what the store holds -------------------------------------------------------------------------------------

    def capabilities(self) -> Capabilities:
        """What this store can do; ask at start and `require` what will be needed."""
        with self._operation("capabilities"):
            return self._capabilities()

    def list(self) -> tuple[KeyRef, ...]:
        """All versions of all keys, destroyed ones included, read afresh, by label and version."""
        with self._operation("list"):
            self._refresh()
            return tuple(self._refs.values())

    def active(self, label: str) -> KeyRef:
        """The active version of `label`.

        Raises:
            UnknownKey: no such label, or its newest version was destroyed.
        """
        with self._operation("active", label):
            return self._active(check_label(label))

    def lookup(self, key_id: str) -> KeyRef:
        """The version whose `KeyRef.key_id` is `key_id`.

        Raises:
            UnknownKey: no version has it.
        """
        with self._operation("lookup"):
            return self._known(key_id)

    def public_key(self, ref: KeyRef) -> PublicKey:
        """The public half of a signing or deriving key; also of a destroyed one, so that old signatures verify.

        Raises:
            UnknownKey: not in this store.
            WrongPurpose: a wrapping key has no public half.
        """
        with self._operation("public_key", str(ref)):
            return self._public_key(self._record(ref))

    # --- life of a key --------------------------------------------------------------------------------------------

    def generate(self, label: str, purpose: Purpose, algorithm: Algorithm) -> KeyRef:
        """Make version 1 of a new key.

        Not repeated after a lost session: on `TokenLost`, `list` tells whether the key exists.

        Raises:
            HsmUsageError: bad label, or an algorithm that does not serve `purpose`.
            KeyExists: the label was used before.
            CapabilityMissing, TokenFull, TokenFault, HsmUnavailable: from the token; nothing was made.
        """
        with self._operation("generate", label):
            check_label(label)
            if algorithm.purpose is not purpose:
                raise HsmUsageError(f"{algorithm} serves {algorithm.purpose}, not {purpose}")
            self._refresh()
            if any(ref.label == label for ref in self._refs.values()):
                raise KeyExists(f"the key {label} exists; rotate it, or take a label that was never used")
            return self._make(label, 1, algorithm)

    def rotate(self, label: str) -> KeyRef:
        """Make a new version of `label`, with the same algorithm; the present one starts retiring.

        Raises:
            UnknownKey: no active version.
            CapabilityMissing, TokenFull, TokenFault, HsmUnavailable: from the token; nothing has changed.
        """
        with self._operation("rotate", label):
            self._refresh()
            present = self._active(check_label(label))
            return self._make(label, present.version + 1, present.algorithm)

    def destroy(self, ref: KeyRef) -> KeyRef:
        """Destroy the secret of one version, for ever. Destroying it again does nothing.

        What was wrapped or sealed under it cannot be opened again. The record and the public half stay.

        Raises:
            UnknownKey: not in this store.
        """
        with self._operation("destroy", str(ref)):
            self._refresh()
            record = self._record(ref)
            if record.alive:
                self._destroy(record)
                self._refresh()
            return self._known(ref.key_id)

    # --- use of a key ---------------------------------------------------------------------------------------------

    def wrap(self, ref: KeyRef, data_key: bytes) -> bytes:
        """Wrap a data key of 32 bytes (RFC 3394) into 40 bytes.

        Raises:
            HsmUsageError: not 32 bytes. Keys of the store are not bytes and so cannot be wrapped.
            UnknownKey, WrongPurpose, WrongState: the key cannot do it.
        """
        with self._operation("wrap", str(ref)):
            _check_bytes("a data key", data_key, DATA_KEY_BYTES)
            record = self._usable(ref, Purpose.WRAP, _CLOSES)
            return _answered("a wrapped key", self._wrap(record, bytes(data_key)), WRAPPED_KEY_BYTES)

    def unwrap(self, ref: KeyRef, wrapped: bytes) -> bytes:
        """Unwrap what `wrap` made under the same version; answers the 32-byte data key.

        Raises:
            UnwrapFailed: the bytes were not made by `wrap` under this version; one error for every reason.
            UnknownKey, WrongPurpose, WrongState: the key cannot do it.
        """
        with self._operation("unwrap", str(ref)):
            record = self._usable(ref, Purpose.WRAP, _OPENS)
            if not isinstance(wrapped, (bytes, bytearray)) or len(wrapped) != WRAPPED_KEY_BYTES:
                raise UnwrapFailed
            return _answered("a data key", self._unwrap(record, bytes(wrapped)), DATA_KEY_BYTES)

    def sign(self, ref: KeyRef, message: bytes) -> bytes:
        """Sign `message`: DER for P-256 (SHA-256 inside), 64 bytes for Ed25519.

        Raises:
            TokenFault: the signature did not verify; it was thrown away.
            UnknownKey, WrongPurpose, WrongState: the key cannot do it.
        """
        with self._operation("sign", str(ref)):
            _check_bytes("a message", message)
            return self._signature(self._usable(ref, Purpose.SIGN, _CLOSES), bytes(message))

    def derive(self, ref: KeyRef, peer_point: bytes) -> bytes:
        """Diffie-Hellman with an uncompressed P-256 point; answers the 32-byte x coordinate, leading zeros kept.

        The answer is a secret: put it through a key schedule (`hsm.sealing`) and forget it.

        Raises:
            HsmUsageError: not a 65-byte point on the curve; the token never sees it.
            UnknownKey, WrongPurpose, WrongState: the key cannot do it.
        """
        with self._operation("derive", str(ref)):
            _check_bytes("a point", peer_point)
            point = public_bytes(load_point(bytes(peer_point)))
            record = self._usable(ref, Purpose.DERIVE, _OPENS)
            return _answered("a shared secret", self._derive(record, point), SHARED_SECRET_BYTES)

    # --- end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the store and log out. Closing twice does nothing; in a forked child it does nothing at all."""
        if self._closed or os.getpid() != self._pid:
            return
        with self._lock:
            self._closed = True
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    # --- inside; the lock is held ---------------------------------------------------------------------------------

    @contextmanager
    def _operation(self, name: str, key: str = "") -> Iterator[None]:
        # The pid comes before the lock: a child may have inherited the lock in its taken state.
        if os.getpid() != self._pid:
            raise ForkedProcess("this key store was opened before a fork; open another one in this process")
        started, outcome = time.perf_counter(), "ok"
        try:
            with self._lock:
                if self._closed:
                    raise KeyStoreClosed("this key store is closed; open another one")
                yield
        except HsmError as error:
            outcome = error.code
            raise
        except Exception as error:
            outcome = TokenFault.code
            raise TokenFault(f"{name} failed in an unexpected way ({type(error).__name__})") from error
        finally:
            self._observer(Observation(name, str(key), time.perf_counter() - started, outcome))

    def _refresh(self) -> None:
        records = self._load()
        self._records = {record.key_id: record for record in records}
        self._refs = {ref.key_id: ref for ref in refs_of(records)}

    def _known(self, key_id: str) -> KeyRef:
        if key_id not in self._refs:
            raise UnknownKey("this key store has no such key version; list the keys it has")
        return self._refs[key_id]

    def _record(self, ref: KeyRef) -> KeyRecord:
        known = self._known(ref.key_id)
        if (known.label, known.version) != (ref.label, ref.version):
            raise UnknownKey("the handle does not match the key of that id; look the key up again")
        return self._records[bytes.fromhex(ref.key_id)]

    def _active(self, label: str) -> KeyRef:
        for ref in self._refs.values():
            if ref.label == label and ref.state is KeyState.ACTIVE:
                return ref
        raise UnknownKey(f"the key {label} has no active version; generate one")

    def _usable(self, ref: KeyRef, purpose: Purpose, states: frozenset[KeyState]) -> KeyRecord:
        record = self._record(ref)
        if record.purpose is not purpose:
            raise WrongPurpose(f"the key {record} is for {record.purpose}, not for {purpose}")
        state = self._refs[ref.key_id].state
        if state not in states:
            raise WrongState(f"the key {record} is {state}; this needs one that is {' or '.join(sorted(states))}")
        return record

    def _public_key(self, record: KeyRecord) -> PublicKey:
        if record.public is None:
            raise WrongPurpose(f"the key {record} is for {record.purpose} and has no public half")
        return load_public(record.algorithm, record.public)

    def _make(self, label: str, version: int, algorithm: Algorithm) -> KeyRef:
        self._capabilities().require([algorithm])
        # Random, never derived from the label: one token overwrites a key when a second one has the same id.
        wanted = KeyRecord(label, version, algorithm, os.urandom(KEY_ID_BYTES))
        with self._making():
            try:
                self._make_and_check(wanted)
            except BaseException:
                with suppress(HsmError):
                    self._discard(wanted)
                    self._refresh()
                raise
        return self._refs[wanted.key_id.hex()]

    def _make_and_check(self, wanted: KeyRecord) -> None:
        before = {record.key_id for record in self._records.values() if record.alive}
        made = self._create(wanted)
        self._probe(made)
        self._activate(made)
        self._settle()
        self._refresh()
        self._check_made(made, before)

    def _check_made(self, made: KeyRecord, before: set[bytes]) -> None:
        if self._records.get(made.key_id) != made:
            raise TokenFull(f"the token did not keep the new key {made}; make room in it, or on the disk it is on")
        alive = {record.key_id for record in self._records.values() if record.alive}
        if not before <= alive:
            raise TokenFault("the token lost a key while it made another; do not use it")

    def _probe(self, record: KeyRecord) -> None:
        probes = {Purpose.WRAP: self._probe_wrap, Purpose.SIGN: self._probe_sign, Purpose.DERIVE: self._probe_derive}
        if not probes[record.purpose](record):
            raise TokenFault(f"the new key {record} does not work; it was not activated")

    def _probe_wrap(self, record: KeyRecord) -> bool:
        data_key = os.urandom(DATA_KEY_BYTES)
        wrapped = _answered("a wrapped key", self._wrap(record, data_key), WRAPPED_KEY_BYTES)
        return hmac.compare_digest(self._unwrap(record, wrapped), data_key)

    def _probe_sign(self, record: KeyRecord) -> bool:
        return bool(self._signature(record, os.urandom(32)))

    def _probe_derive(self, record: KeyRecord) -> bool:
        peer = ec.generate_private_key(ec.SECP256R1())
        expected = peer.exchange(ec.ECDH(), load_point(record.public or b""))
        return hmac.compare_digest(self._derive(record, public_bytes(peer.public_key())), expected)

    def _signature(self, record: KeyRecord, message: bytes) -> bytes:
        to_sign = message if record.algorithm is Algorithm.ED25519 else hashlib.sha256(message).digest()
        signature = finish_signature(record.algorithm, self._sign(record, to_sign))
        if not signature_is_valid(self._public_key(record), signature, message):
            raise TokenFault(f"the token answered a signature of {record} that does not verify")
        return signature

    # --- the twins: what a backend implements ---------------------------------------------------------------------

    @abstractmethod
    def _capabilities(self) -> Capabilities:
        """What the backend can do."""

    @abstractmethod
    def _load(self) -> tuple[KeyRecord, ...]:
        """All activated versions and the records of destroyed ones; never one that is half made."""

    @abstractmethod
    def _making(self) -> AbstractContextManager[None]:
        """Held from `_create` to `_settle`: keeps other processes from meeting a half-made key."""

    @abstractmethod
    def _create(self, record: KeyRecord) -> KeyRecord:
        """Make the key, durable but not yet active; answer the record with its public half as read back."""

    @abstractmethod
    def _activate(self, record: KeyRecord) -> None:
        """Make a created version appear in `_load`, in one step."""

    @abstractmethod
    def _settle(self) -> None:
        """Drop every cache, so that the next `_load` answers what another process would see."""

    @abstractmethod
    def _discard(self, record: KeyRecord) -> None:
        """Remove what `_create` left of a version that did not become active."""

    @abstractmethod
    def _destroy(self, record: KeyRecord) -> None:
        """Remove the secret; leave a record with `alive=False`."""

    @abstractmethod
    def _wrap(self, record: KeyRecord, data_key: bytes) -> bytes:
        """AES key wrap, RFC 3394."""

    @abstractmethod
    def _unwrap(self, record: KeyRecord, wrapped: bytes) -> bytes:
        """The inverse; `UnwrapFailed` for anything wrong with `wrapped`."""

    @abstractmethod
    def _sign(self, record: KeyRecord, to_sign: bytes) -> bytes:
        """Raw 64-byte signature of a 32-byte digest (P-256) or of the message (Ed25519)."""

    @abstractmethod
    def _derive(self, record: KeyRecord, point: bytes) -> bytes:
        """The x coordinate of the product with a validated 65-byte point."""

    @abstractmethod
    def _close(self) -> None:
        """Release what the backend holds."""


def _check_bytes(what: str, value: bytes, length: int | None = None) -> None:
    if not isinstance(value, (bytes, bytearray)):
        raise HsmUsageError(f"{what} must be bytes; keys of the store never leave it")
    if length is not None and len(value) != length:
        raise HsmUsageError(f"{what} must have {length} bytes, not {len(value)}")


def _answered(what: str, value: bytes, length: int) -> bytes:
    if len(value) != length:
        raise TokenFault(f"the token answered {what} of {len(value)} bytes instead of {length}")
    return value
