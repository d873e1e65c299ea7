"""HPKE: against the RFC's vectors, against `cryptography`, and against everything that was not sealed to us."""

from __future__ import annotations

import pytest
from cryptography.hazmat.bindings._rust import openssl as rust_openssl  # the public HPKE takes no aad
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hsm.errors import HsmUsageError, KeyStoreClosed, SealBroken, UnknownKey, WrongPurpose
from hsm.interface import KeyStore
from hsm.keys import Algorithm, KeyRef
from hsm.public_keys import load_point, public_bytes
from hsm.sealing import OVERHEAD_BYTES, Aead, key_schedule, open_sealed, seal, shared_secret
from tests.hsm import vectors
from tests.hsm.vectors import HpkeVector
from tests.simulators.keystores import FixedKeyStore

INFO = b"data set ds_1, parameters sha256:00"
SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
VECTORS = pytest.mark.parametrize(
    "vector", [vectors.HPKE_A3, vectors.HPKE_A5, vectors.HPKE_AES256], ids=["A.3.1", "A.5.1", "AES-256-GCM"]
)


def _box(keystore: KeyStore) -> KeyRef:
    try:
        return keystore.active("sealing/box")
    except UnknownKey:
        return keystore.generate("sealing/box", Algorithm.ECDH_P256.purpose, Algorithm.ECDH_P256)


def _seal_to(keystore: KeyStore, ref: KeyRef, plaintext: bytes, info: bytes = INFO) -> bytes:
    public = keystore.public_key(ref)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return seal(public, plaintext, info)


class TestVectors:
    @VECTORS
    def test_key_schedule(self, vector: HpkeVector) -> None:
        store = FixedKeyStore(scalar=int(vector.recipient_scalar, 16))
        ref = store.active("fixed-ecdh")
        own, enc = public_bytes(store.public_key(ref)), bytes.fromhex(vector.enc)
        assert own.hex() == vector.recipient_point
        secret = shared_secret(store.derive(ref, enc), enc, own)
        assert secret.hex() == vector.shared_secret
        key, nonce = key_schedule(secret, bytes.fromhex(vectors.HPKE_INFO), Aead(vector.aead_id, vector.key_bytes))
        assert (key.hex(), nonce.hex()) == (vector.key, vector.base_nonce)

    @VECTORS
    def test_message(self, vector: HpkeVector) -> None:
        aead = ChaCha20Poly1305 if vector.aead_id == 3 else AESGCM
        key, nonce = bytes.fromhex(vector.key), bytes.fromhex(vector.base_nonce)
        opened = aead(key).decrypt(nonce, bytes.fromhex(vector.ciphertext), bytes.fromhex(vectors.HPKE_AAD))
        assert opened.hex() == vectors.HPKE_PLAINTEXT

    @VECTORS
    def test_vector_agrees_with_an_independent_implementation(self, vector: HpkeVector) -> None:
        aeads = {1: hpke.AEAD.AES_128_GCM, 2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}
        private = ec.derive_private_key(int(vector.recipient_scalar, 16), ec.SECP256R1())
        opened = rust_openssl.hpke._decrypt_with_aad(
            hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, aeads[vector.aead_id]),
            bytes.fromhex(vector.enc + vector.ciphertext),
            private,
            info=bytes.fromhex(vectors.HPKE_INFO),
            aad=bytes.fromhex(vectors.HPKE_AAD),
        )
        assert opened.hex() == vectors.HPKE_PLAINTEXT


class TestRoundTrip:
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(plaintext=st.binary(max_size=2000), info=st.binary(max_size=100))
    def test_every_backend_opens_what_was_sealed(self, keystore: KeyStore, plaintext: bytes, info: bytes) -> None:
        sealed = _seal_to(keystore, _box(keystore), plaintext, info)
        assert len(sealed) == len(plaintext) + OVERHEAD_BYTES
        assert open_sealed(keystore, _box(keystore), sealed, info) == plaintext

    @given(scalar=st.integers(1, 2**128))
    @settings(max_examples=40, deadline=None)
    def test_agrees_with_cryptography(self, scalar: int) -> None:
        store = FixedKeyStore(scalar=scalar)
        private = ec.derive_private_key(scalar, ec.SECP256R1())
        sealed = SUITE.encrypt(b"secret", private.public_key(), info=INFO)
        assert open_sealed(store, store.active("fixed-ecdh"), sealed, INFO) == b"secret"
        assert SUITE.decrypt(seal(private.public_key(), b"secret", INFO), private, info=INFO) == b"secret"

    def test_a_retiring_key_still_opens(self, software: KeyStore) -> None:
        ref = software.generate("sealing/rotated", Algorithm.ECDH_P256.purpose, Algorithm.ECDH_P256)
        sealed = _seal_to(software, ref, b"before")
        software.rotate(ref.label)
        assert open_sealed(software, ref, sealed, INFO) == b"before"


class TestRefusals:
    @given(bit=st.integers(0, (OVERHEAD_BYTES + 6) * 8 - 1))
    @settings(max_examples=100, deadline=None)
    def test_any_flipped_bit(self, bit: int) -> None:
        store = FixedKeyStore()
        ref = store.active("fixed-ecdh")
        sealed = bytearray(_seal_to(store, ref, b"secret"))
        sealed[bit // 8] ^= 1 << bit % 8
        _refused(store, ref, bytes(sealed), INFO)

    @given(length=st.integers(0, OVERHEAD_BYTES + 5))
    def test_any_truncation(self, length: int) -> None:
        store = FixedKeyStore()
        ref = store.active("fixed-ecdh")
        _refused(store, ref, _seal_to(store, ref, b"secret")[:length], INFO)

    def test_other_info_other_key_appended_byte(self) -> None:
        store, other = FixedKeyStore(), FixedKeyStore(scalar=8)
        ref = store.active("fixed-ecdh")
        sealed = _seal_to(store, ref, b"secret")
        _refused(store, ref, sealed, INFO + b"!")
        _refused(other, other.active("fixed-ecdh"), sealed, INFO)
        _refused(store, ref, sealed + b"\0", INFO)

    def test_points_off_the_curve(self) -> None:
        store = FixedKeyStore()
        ref = store.active("fixed-ecdh")
        tail = _seal_to(store, ref, b"secret")[65:]
        for bad in (bytes(65), b"\x04" + b"\x01" * 64, b"\x02" + load_compressed() + bytes(32)):
            _refused(store, ref, bad + tail, INFO)

    def test_misuse_is_not_a_broken_seal(self, software: KeyStore) -> None:
        store = FixedKeyStore()
        sealed = _seal_to(store, store.active("fixed-ecdh"), b"secret")
        with pytest.raises(WrongPurpose):
            open_sealed(store, store.active("fixed-kek"), sealed, INFO)
        store.close()
        with pytest.raises(KeyStoreClosed):
            open_sealed(store, _box(software), sealed, INFO)

    def test_sealing_needs_p256(self) -> None:
        with pytest.raises(HsmUsageError, match="P-256"):
            seal(ec.generate_private_key(ec.SECP384R1()).public_key(), b"secret", INFO)


def load_compressed() -> bytes:
    point = public_bytes(load_point(bytes.fromhex(vectors.HPKE_A3.enc)))
    return point[1:33]


def _refused(store: KeyStore, ref: KeyRef, sealed: bytes, info: bytes) -> None:
    with pytest.raises(SealBroken, match=r"^the sealed message was not accepted$"):
        open_sealed(store, ref, sealed, info)
