"""Keys in a PKCS#11 token.

Rules:
- Only mechanisms that mean the same on every token: CKM_AES_KEY_WRAP (RFC 3394), CKM_ECDSA over our digest,
  CKM_EDDSA, CKM_ECDH1_DERIVE without a KDF. What a token lacks is reported, not emulated.
- Searches are read to their end before anything else happens: an open search blocks its session.
- Wrap, unwrap, sign, derive and list are repeated once after a lost session. Making and destroying are not.
- Temporary objects are session objects and are destroyed at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, TypeVar

from pkcs11 import KDF, Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as p11

from hsm.backends.pkcs11_connection import Connection
from hsm.backends.pkcs11_errors import HANDLE_GONE
from hsm.backends.pkcs11_library import Library, load_library
from hsm.backends.pkcs11_objects import (
    CAPABILITIES,
    CURVES,
    KEY_TYPES,
    PREFIX,
    READABLE_TEMPLATE,
    RECORD_APPLICATION,
    SECRET_TEMPLATE,
    check_secret,
    data_key_template,
    decode_record,
    object_label,
    read_point,
    record_template,
    secret_class,
)
from hsm.errors import TokenFault, TokenFull, UnknownKey, UnwrapFailed
from hsm.interface import KeyStore, Observer, ignore_observation
from hsm.keys import Algorithm, Capabilities, KeyRecord
from hsm.pin import PinSource
from hsm.uri import TokenUri

T = TypeVar("T")

logger = logging.getLogger(__name__)

_NEEDED = {
    Algorithm.AES256_KW: {Mechanism.AES_KEY_GEN, Mechanism.AES_KEY_WRAP},
    Algorithm.ECDSA_P256: {Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDSA},
    Algorithm.ECDH_P256: {Mechanism.EC_KEY_PAIR_GEN, Mechanism.ECDH1_DERIVE},
    Algorithm.ED25519: {Mechanism.EC_EDWARDS_KEY_PAIR_GEN, Mechanism.EDDSA},
}
_SIGN_MECHANISMS = {Algorithm.ECDSA_P256: Mechanism.ECDSA, Algorithm.ED25519: Mechanism.EDDSA}

_RECORDS = {Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: RECORD_APPLICATION, Attribute.TOKEN: True}

# Tokens answer a bad wrapped key with any of these; what they mean is for us to say (`UnwrapFailed`).
_BAD_WRAPPED_KEY = (
    p11.GeneralError,
    p11.FunctionFailed,
    p11.ArgumentsBad,
    p11.DataInvalid,
    p11.DataLenRange,
    p11.EncryptedDataInvalid,
    p11.EncryptedDataLenRange,
    p11.WrappedKeyInvalid,
    p11.WrappedKeyLenRange,
)

_FULL_DISK = (p11.FunctionFailed, *HANDLE_GONE)


class Pkcs11KeyStore(KeyStore):
    """A key store in a PKCS#11 token.

    Args:
        uri: which token, and its library.
        pin: read at login, and again if a lost session must be reopened.
        observer: see `KeyStore`.
        library: the loaded library; by default the one that `uri` names.

    Raises:
        TokenAbsent, PinRejected, PinLocked, PinUnavailable, TokenBusy: see `hsm.errors`.
        ForkedProcess: the library was initialised before a fork.
    """

    def __init__(
        self, uri: TokenUri, pin: PinSource, *, observer: Observer = ignore_observation, library: Library | None = None
    ) -> None:
        super().__init__(observer=observer)
        self._uri = uri
        with self._operation("open"):
            library = library or load_library(uri.module_path)
            # One at a time: the sweep must not meet a key that another process is just making.
            with library.alone():
                self._connection = Connection(library, uri, pin)
                try:
                    self._run(self._sweep, repeatable=True)
                    self._refresh()
                except BaseException:
                    self._connection.close()
                    raise

    def __repr__(self) -> str:
        return f"<Pkcs11KeyStore {self._uri}>"

    def _capabilities(self) -> Capabilities:
        offered = self._run(lambda: set(self._connection.token.slot.get_mechanisms()), repeatable=True)
        algorithms = frozenset(algorithm for algorithm, needed in _NEEDED.items() if needed <= offered)
        return Capabilities(f"the token {self._connection.token.label}", secure=True, algorithms=algorithms)

    # --- what the token holds -------------------------------------------------------------------------------------

    def _load(self) -> tuple[KeyRecord, ...]:
        return self._run(self._records_in_token, repeatable=True)

    def _records_in_token(self) -> tuple[KeyRecord, ...]:
        alive = {key_id for key_id, _ in self._secrets()}
        values = [found[Attribute.VALUE] for found in self._search(_RECORDS)]
        return tuple(decode_record(value, alive) for value in values)

    def _secrets(self) -> list[tuple[bytes, str]]:
        """The (id, label) of every secret of ours, active or half made."""
        classes = (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY)
        objects = [found for kind in classes for found in self._search({Attribute.CLASS: kind, Attribute.TOKEN: True})]
        named = [found.get_attributes([Attribute.ID, Attribute.LABEL]) for found in objects]
        pairs = [(found.get(Attribute.ID, b""), found.get(Attribute.LABEL, "")) for found in named]
        return [(key_id, label) for key_id, label in pairs if label.startswith(PREFIX)]

    def _sweep(self) -> None:
        """Remove what a crash left half made: secrets of ours without a record. Nothing was ever closed with them."""
        recorded = {record.key_id for record in self._records_in_token()}
        for key_id, label in self._secrets():
            if key_id not in recorded:
                logger.warning("removing the half-made key %s from the token", label)
                self._remove_objects(key_id)

    # --- life -----------------------------------------------------------------------------------------------------

    def _making(self) -> AbstractContextManager[None]:
        return self._connection.library.alone()

    def _create(self, record: KeyRecord) -> KeyRecord:
        create = self._create_secret if record.algorithm is Algorithm.AES256_KW else self._create_pair
        self._store(lambda: create(record))
        return self._store(lambda: self._read_back(record))

    def _create_secret(self, record: KeyRecord) -> None:
        self._session.generate_key(KeyType.AES, 256, template=SECRET_TEMPLATE, **_common(record))

    def _create_pair(self, record: KeyRecord) -> None:
        curve = {Attribute.EC_PARAMS: CURVES[record.algorithm]}
        parameters = self._session.create_domain_parameters(KEY_TYPES[record.algorithm], curve, local=True)
        edwards = record.algorithm is Algorithm.ED25519
        parameters.generate_keypair(
            mechanism=Mechanism.EC_EDWARDS_KEY_PAIR_GEN if edwards else Mechanism.EC_KEY_PAIR_GEN,
            private_template=SECRET_TEMPLATE,
            public_template={Attribute.MODIFIABLE: False},
            **_common(record),
        )

    def _read_back(self, record: KeyRecord) -> KeyRecord:
        check_secret(record, self._one(record, secret_class(record.algorithm)))
        if record.algorithm is Algorithm.AES256_KW:
            return record
        point = self._one(record, ObjectClass.PUBLIC_KEY)[Attribute.EC_POINT]
        return replace(record, public=read_point(record.algorithm, point))

    def _activate(self, record: KeyRecord) -> None:
        self._store(lambda: self._session.create_object(record_template(record)))

    def _settle(self) -> None:
        self._connection.renew()

    def _discard(self, record: KeyRecord) -> None:
        self._run(lambda: self._remove_objects(record.key_id), repeatable=True)
        self._run(lambda: self._remove_record(record), repeatable=True)

    def _destroy(self, record: KeyRecord) -> None:
        self._run(lambda: self._remove_objects(record.key_id), repeatable=False)

    def _remove_objects(self, key_id: bytes) -> None:
        self._connection.forget(key_id)
        # The secret goes first: once it is gone the version is destroyed, whatever happens to its public object.
        for kind in (ObjectClass.SECRET_KEY, ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
            for found in self._search({Attribute.CLASS: kind, Attribute.ID: key_id}):
                found.destroy()

    def _remove_record(self, record: KeyRecord) -> None:
        for found in self._search(_RECORDS):
            if decode_record(found[Attribute.VALUE], set()).key_id == record.key_id:
                found.destroy()

    def _store(self, operation: Callable[[], T]) -> T:
        """Run what writes a key. On a full disk SoftHSM fails in ways that PKCS#11 has no CKR_DEVICE_MEMORY for."""
        try:
            return self._run(operation, repeatable=False)
        except (TokenFault, UnknownKey) as error:
            if isinstance(error.__cause__, _FULL_DISK):
                raise TokenFull("the token could not store a key; make room in it, or on the disk it is on") from error
            raise

    # --- use ------------------------------------------------------------------------------------------------------

    def _wrap(self, record: KeyRecord, data_key: bytes) -> bytes:
        return self._run(lambda: self._wrap_once(record, data_key), repeatable=True)

    def _wrap_once(self, record: KeyRecord, data_key: bytes) -> bytes:
        temporary = self._session.create_object(data_key_template(data_key))
        try:
            return bytes(self._secret(record).wrap_key(temporary, mechanism=Mechanism.AES_KEY_WRAP))
        finally:
            temporary.destroy()

    def _unwrap(self, record: KeyRecord, wrapped: bytes) -> bytes:
        return self._run(lambda: self._unwrap_once(record, wrapped), repeatable=True)

    def _unwrap_once(self, record: KeyRecord, wrapped: bytes) -> bytes:
        try:
            temporary = self._secret(record).unwrap_key(
                ObjectClass.SECRET_KEY,
                KeyType.GENERIC_SECRET,
                wrapped,
                mechanism=Mechanism.AES_KEY_WRAP,
                capabilities=0,
                template=READABLE_TEMPLATE,
            )
        except _BAD_WRAPPED_KEY:
            raise UnwrapFailed from None
        return _read_and_destroy(temporary)

    def _sign(self, record: KeyRecord, to_sign: bytes) -> bytes:
        mechanism = _SIGN_MECHANISMS[record.algorithm]
        return self._run(lambda: bytes(self._secret(record).sign(to_sign, mechanism=mechanism)), repeatable=True)

    def _derive(self, record: KeyRecord, point: bytes) -> bytes:
        return self._run(lambda: self._derive_once(record, point), repeatable=True)

    def _derive_once(self, record: KeyRecord, point: bytes) -> bytes:
        temporary = self._secret(record).derive_key(
            KeyType.GENERIC_SECRET,
            256,
            mechanism=Mechanism.ECDH1_DERIVE,
            mechanism_param=(KDF.NULL, None, point),
            capabilities=0,
            template=READABLE_TEMPLATE,
        )
        return _read_and_destroy(temporary)

    def _close(self) -> None:
        self._connection.close()

    # --- objects --------------------------------------------------------------------------------------------------

    @property
    def _session(self) -> Any:
        return self._connection.session

    def _run(self, operation: Callable[[], T], *, repeatable: bool) -> T:
        return self._connection.run(operation, repeatable=repeatable)

    def _secret(self, record: KeyRecord) -> Any:
        kind = secret_class(record.algorithm)
        return self._connection.cached(record.key_id, lambda: check_secret(record, self._one(record, kind)))

    def _one(self, record: KeyRecord, kind: ObjectClass) -> Any:
        found = self._search({Attribute.CLASS: kind, Attribute.ID: record.key_id, Attribute.TOKEN: True})
        if not found:
            raise UnknownKey(f"the token no longer has the key {record}; list the keys it has")
        if len(found) > 1:
            raise TokenFault(f"the token holds {len(found)} objects for the key {record}")
        return found[0]

    def _search(self, attributes: dict[Attribute, Any]) -> list[Any]:
        return list(self._session.get_objects(attributes))


def _common(record: KeyRecord) -> dict[str, Any]:
    label, uses = object_label(record), CAPABILITIES[record.algorithm]
    return {"id": record.key_id, "label": label, "store": True, "capabilities": uses}


def _read_and_destroy(temporary: Any) -> bytes:
    try:
        return bytes(temporary[Attribute.VALUE])
    finally:
        temporary.destroy()
