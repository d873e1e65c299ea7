"""Wrapped blobs: round trip, golden bytes, and one answer to every bad blob."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pkcs11 import exceptions as p11

from hsm.custody import blob_key_id, unwrap_blob, wrap_blob
from hsm.errors import BlobBroken, KeyStoreClosed, TokenLost, UnknownKey, WrongPurpose
from hsm.interface import KeyStore
from hsm.keys import Algorithm, KeyRef
from tests.hsm import vectors
from tests.simulators.keystores import FixedKeyStore
from tests.simulators.token import SimulatedToken

CONTEXT = b"dataset:ds_1"
OVERHEAD = 89

# KEK 00 01 .. 1f; data key 32 x aa; nonce 12 x bb; plaintext "secret"; context "dataset:ds_1".
GOLDEN = (
    "5344574201"
    "11111111111111111111111111111111"
    "3c298a1ac1d8b69944010e4a4eb9c7e0181c88a39d83dc625aedc204f7b83fcd1b5a29401fc7ff4c"
    "bbbbbbbbbbbbbbbbbbbbbbbb"
    "b97428d41369677da43f7fb88ce60f4c6bd0d32955b9"
)


def _kek(keystore: KeyStore) -> KeyRef:
    try:
        return keystore.active("custody/kek")
    except UnknownKey:
        return keystore.generate("custody/kek", Algorithm.AES256_KW.purpose, Algorithm.AES256_KW)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plaintext=st.binary(max_size=3000), context=st.binary(max_size=100))
def test_round_trip(keystore: KeyStore, plaintext: bytes, context: bytes) -> None:
    blob = wrap_blob(keystore, _kek(keystore), plaintext, context)
    assert len(blob) == len(plaintext) + OVERHEAD
    assert blob_key_id(blob) == _kek(keystore).key_id
    assert unwrap_blob(keystore, blob, context) == plaintext


def test_hundreds_of_kilobytes(software: KeyStore) -> None:
    secret = bytes(range(256)) * 2000
    assert unwrap_blob(software, wrap_blob(software, _kek(software), secret, CONTEXT), CONTEXT) == secret


def test_nothing_repeats(software: KeyStore) -> None:
    blobs = {wrap_blob(software, _kek(software), b"same", CONTEXT)[21:] for _ in range(100)}
    assert len({blob[:40] for blob in blobs}) == len({blob[40:52] for blob in blobs}) == 100


def test_golden_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    fills = iter([b"\xaa", b"\xbb"])
    monkeypatch.setattr("hsm.custody.os.urandom", lambda length: next(fills) * length)
    store = FixedKeyStore()
    blob = wrap_blob(store, store.active("fixed-kek"), b"secret", CONTEXT)
    assert blob.hex() == GOLDEN
    assert unwrap_blob(store, bytes.fromhex(GOLDEN), CONTEXT) == b"secret"


def test_format_opens_without_our_code() -> None:
    store = FixedKeyStore()
    blob = wrap_blob(store, store.active("fixed-kek"), b"secret", CONTEXT)
    data_key = aes_key_unwrap(bytes(range(32)), blob[21:61])
    assert AESGCM(data_key).decrypt(blob[61:73], blob[73:], blob[:61] + CONTEXT) == b"secret"


def test_wrapping_follows_rfc_3394() -> None:
    store = FixedKeyStore(kek=bytes.fromhex(vectors.RFC3394_KEK))
    wrapped = store.wrap(store.active("fixed-kek"), bytes.fromhex(vectors.RFC3394_KEY))
    assert wrapped.hex() == vectors.RFC3394_WRAPPED


class TestRefusals:
    @given(bit=st.integers(0, (OVERHEAD + 6) * 8 - 1))
    @settings(max_examples=150, deadline=None)
    def test_any_flipped_bit(self, bit: int) -> None:
        store = FixedKeyStore()
        blob = bytearray(wrap_blob(store, store.active("fixed-kek"), b"secret", CONTEXT))
        blob[bit // 8] ^= 1 << bit % 8
        _refused(store, bytes(blob))

    @given(length=st.integers(0, OVERHEAD + 5))
    def test_any_truncation(self, length: int) -> None:
        store = FixedKeyStore()
        _refused(store, wrap_blob(store, store.active("fixed-kek"), b"secret", CONTEXT)[:length])

    def test_other_context_other_key_appended_byte(self) -> None:
        store = FixedKeyStore()
        blob = wrap_blob(store, store.active("fixed-kek"), b"secret", CONTEXT)
        _refused(store, blob, b"dataset:ds_2")
        _refused(FixedKeyStore(kek=bytes(32)), blob)
        _refused(store, blob + b"\0")

    def test_header_of_another_blob(self) -> None:
        store = FixedKeyStore()
        one, two = (wrap_blob(store, store.active("fixed-kek"), text, CONTEXT) for text in (b"one", b"two"))
        _refused(store, one[:61] + two[61:])
        _refused(store, one[:73] + two[73:])

    def test_unknown_and_destroyed_keys_look_the_same(self, software: KeyStore) -> None:
        ref = software.generate("custody/shredded", Algorithm.AES256_KW.purpose, Algorithm.AES256_KW)
        blob = wrap_blob(software, ref, b"secret", CONTEXT)
        software.destroy(ref)
        _refused(software, blob)
        _refused(software, wrap_blob(FixedKeyStore(), FixedKeyStore().active("fixed-kek"), b"secret", CONTEXT))

    def test_a_blob_that_names_a_signing_key(self, software: KeyStore) -> None:
        ref = software.generate("custody/signer", Algorithm.ECDSA_P256.purpose, Algorithm.ECDSA_P256)
        blob = wrap_blob(software, _kek(software), b"secret", CONTEXT)
        _refused(software, blob[:5] + bytes.fromhex(ref.key_id) + blob[21:])

    def test_key_id_of_no_blob(self) -> None:
        with pytest.raises(BlobBroken):
            blob_key_id(b"SDWB\x02" + bytes(100))

    def test_trouble_with_the_token_is_not_a_broken_blob(
        self, simulated: SimulatedToken, simulated_store: KeyStore
    ) -> None:
        blob = wrap_blob(simulated_store, _kek(simulated_store), b"secret", CONTEXT)
        simulated.fail_next("unwrap_key", p11.SessionClosed(), p11.SessionClosed())
        with pytest.raises(TokenLost):
            unwrap_blob(simulated_store, blob, CONTEXT)
        assert unwrap_blob(simulated_store, blob, CONTEXT) == b"secret"
        simulated_store.close()
        with pytest.raises(KeyStoreClosed):
            unwrap_blob(simulated_store, blob, CONTEXT)

    def test_only_wrapping_keys_wrap(self, software: KeyStore) -> None:
        ref = software.generate("custody/box", Algorithm.ECDH_P256.purpose, Algorithm.ECDH_P256)
        with pytest.raises(WrongPurpose):
            wrap_blob(software, ref, b"secret", CONTEXT)


def _refused(store: KeyStore, blob: bytes, context: bytes = CONTEXT) -> None:
    with pytest.raises(BlobBroken, match=r"^the wrapped blob was not accepted$"):
        unwrap_blob(store, blob, context)
