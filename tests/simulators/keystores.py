"""Key stores for tests that are about what stands on a key store."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from hsm.backends.software import SoftwareKeyStore
from hsm.errors import TokenLost, UnwrapFailed
from hsm.interface import KeyStore
from hsm.keys import Algorithm, Capabilities, KeyRecord
from hsm.public_keys import load_point, public_bytes


class FixedKeyStore(KeyStore):
    """Two known keys: `fixed-kek`, and `fixed-ecdh` with a given private scalar. For golden bytes and vectors."""

    def __init__(self, kek: bytes = bytes(range(32)), scalar: int = 7) -> None:
        super().__init__()
        self._kek = kek
        self._pair = ec.derive_private_key(scalar, ec.SECP256R1())
        self._refresh()

    def _capabilities(self) -> Capabilities:
        return Capabilities("fixed keys", secure=False)

    def _load(self) -> tuple[KeyRecord, ...]:
        point = public_bytes(self._pair.public_key())
        return (
            KeyRecord("fixed-kek", 1, Algorithm.AES256_KW, b"\x11" * 16),
            KeyRecord("fixed-ecdh", 1, Algorithm.ECDH_P256, b"\x22" * 16, point),
        )

    def _wrap(self, record: KeyRecord, data_key: bytes) -> bytes:
        return aes_key_wrap(self._kek, data_key)

    def _unwrap(self, record: KeyRecord, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._kek, wrapped)
        except InvalidUnwrap:
            raise UnwrapFailed from None

    def _derive(self, record: KeyRecord, point: bytes) -> bytes:
        return self._pair.exchange(ec.ECDH(), load_point(point))

    def _sign(self, record: KeyRecord, to_sign: bytes) -> bytes:
        raise NotImplementedError

    _making = _create = _activate = _settle = _discard = _destroy = _sign  # type: ignore[assignment]

    def _close(self) -> None:
        pass


class FailingKeyStore(SoftwareKeyStore):
    """A key store whose token can be pulled out: everything that needs it fails while `present` is false."""

    present = True

    def _wrap(self, record: KeyRecord, data_key: bytes) -> bytes:
        self._require_present()
        return super()._wrap(record, data_key)

    def _unwrap(self, record: KeyRecord, wrapped: bytes) -> bytes:
        self._require_present()
        return super()._unwrap(record, wrapped)

    def _sign(self, record: KeyRecord, to_sign: bytes) -> bytes:
        self._require_present()
        return super()._sign(record, to_sign)

    def _derive(self, record: KeyRecord, point: bytes) -> bytes:
        self._require_present()
        return super()._derive(record, point)

    def _require_present(self) -> None:
        if not self.present:
            raise TokenLost("the token was pulled out")
