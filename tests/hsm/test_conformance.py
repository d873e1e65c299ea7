"""What every key store promises, asked of every backend."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hsm.errors import (
    HsmUsageError,
    KeyExists,
    UnknownKey,
    UnwrapFailed,
    WrongPurpose,
    WrongState,
)
from hsm.interface import KeyStore, Observation
from hsm.keys import Algorithm, KeyRef, KeyState, Purpose
from hsm.public_keys import public_bytes, signature_is_valid

DATA_KEY = bytes(range(32))
Make = Callable[[Algorithm], KeyRef]
each_run_keeps_its_store = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class TestLife:
    @pytest.mark.parametrize("algorithm", [Algorithm.AES256_KW, Algorithm.ECDSA_P256, Algorithm.ECDH_P256])
    def test_first_version_is_active(self, keystore: KeyStore, label: str, algorithm: Algorithm) -> None:
        ref = keystore.generate(label, algorithm.purpose, algorithm)
        assert (ref.label, ref.version, ref.state) == (label, 1, KeyState.ACTIVE)
        assert (ref.purpose, ref.algorithm) == (algorithm.purpose, algorithm)
        assert keystore.active(label) == ref == keystore.lookup(ref.key_id)
        assert ref in keystore.list()

    def test_rotation_retires_the_old_version(self, keystore: KeyStore, make: Make) -> None:
        first = make(Algorithm.AES256_KW)
        second = keystore.rotate(first.label)
        assert (second.version, second.state) == (2, KeyState.ACTIVE)
        assert keystore.lookup(first.key_id).state is KeyState.RETIRING
        assert second.key_id != first.key_id

    def test_retiring_key_opens_but_does_not_close(self, keystore: KeyStore, make: Make) -> None:
        first = make(Algorithm.AES256_KW)
        wrapped = keystore.wrap(first, DATA_KEY)
        second = keystore.rotate(first.label)
        assert keystore.unwrap(first, wrapped) == DATA_KEY
        with pytest.raises(WrongState, match="retiring"):
            keystore.wrap(first, DATA_KEY)
        with pytest.raises(UnwrapFailed):
            keystore.unwrap(second, wrapped)

    def test_retiring_key_does_not_sign(self, keystore: KeyStore, make: Make) -> None:
        first = make(Algorithm.ECDSA_P256)
        keystore.rotate(first.label)
        with pytest.raises(WrongState):
            keystore.sign(first, b"late")

    def test_destroyed_key_opens_nothing(self, keystore: KeyStore, make: Make) -> None:
        ref = make(Algorithm.AES256_KW)
        wrapped = keystore.wrap(ref, DATA_KEY)
        assert keystore.destroy(ref).state is KeyState.DESTROYED
        assert keystore.destroy(ref).state is KeyState.DESTROYED
        with pytest.raises(WrongState, match="destroyed"):
            keystore.unwrap(ref, wrapped)
        assert keystore.lookup(ref.key_id) in keystore.list()

    def test_destroying_the_newest_revives_nothing(self, keystore: KeyStore, make: Make) -> None:
        first = make(Algorithm.AES256_KW)
        second = keystore.rotate(first.label)
        keystore.destroy(second)
        assert keystore.lookup(first.key_id).state is KeyState.RETIRING
        with pytest.raises(UnknownKey):
            keystore.active(first.label)

    def test_old_signatures_outlive_their_key(self, keystore: KeyStore, make: Make) -> None:
        ref = make(Algorithm.ECDSA_P256)
        signature = keystore.sign(ref, b"statement")
        keystore.destroy(ref)
        assert signature_is_valid(keystore.public_key(ref), signature, b"statement")

    def test_labels_are_never_used_twice(self, keystore: KeyStore, make: Make) -> None:
        ref = make(Algorithm.AES256_KW)
        with pytest.raises(KeyExists):
            keystore.generate(ref.label, Purpose.WRAP, Algorithm.AES256_KW)
        keystore.destroy(ref)
        with pytest.raises(KeyExists):
            keystore.generate(ref.label, Purpose.WRAP, Algorithm.AES256_KW)

    @pytest.mark.parametrize("bad", ["", "Upper", "-x", "a#1", "a b", "x" * 64, "ü"])
    def test_bad_labels_are_refused(self, keystore: KeyStore, bad: str) -> None:
        with pytest.raises(HsmUsageError, match="label"):
            keystore.generate(bad, Purpose.WRAP, Algorithm.AES256_KW)

    def test_purpose_and_algorithm_must_agree(self, keystore: KeyStore, label: str) -> None:
        with pytest.raises(HsmUsageError, match="derive"):
            keystore.generate(label, Purpose.SIGN, Algorithm.ECDH_P256)

    def test_unknown_keys_are_refused(self, keystore: KeyStore, make: Make, label: str) -> None:
        ref = make(Algorithm.AES256_KW)
        stranger = KeyRef(label, 1, ref.purpose, ref.algorithm, "00" * 16, ref.state)
        renamed = KeyRef(label, 1, ref.purpose, ref.algorithm, ref.key_id, ref.state)
        for wrong in (stranger, renamed):
            with pytest.raises(UnknownKey):
                keystore.wrap(wrong, DATA_KEY)
        with pytest.raises(UnknownKey):
            keystore.rotate(label)


class TestPurpose:
    def test_each_key_serves_its_purpose_only(self, keystore: KeyStore, make: Make) -> None:
        kek, signer, box = (make(a) for a in (Algorithm.AES256_KW, Algorithm.ECDSA_P256, Algorithm.ECDH_P256))
        point = public_bytes(keystore.public_key(box))
        for wrong in (signer, box):
            with pytest.raises(WrongPurpose):
                keystore.wrap(wrong, DATA_KEY)
            with pytest.raises(WrongPurpose):
                keystore.unwrap(wrong, bytes(40))
        for wrong in (kek, box):
            with pytest.raises(WrongPurpose):
                keystore.sign(wrong, b"message")
        for wrong in (kek, signer):
            with pytest.raises(WrongPurpose):
                keystore.derive(wrong, point)
        with pytest.raises(WrongPurpose):
            keystore.public_key(kek)


class TestWrap:
    @each_run_keeps_its_store
    @given(data_key=st.binary(min_size=32, max_size=32))
    def test_round_trip(self, keystore: KeyStore, data_key: bytes) -> None:
        ref = _shared(keystore, Algorithm.AES256_KW)
        wrapped = keystore.wrap(ref, data_key)
        assert len(wrapped) == 40
        assert keystore.unwrap(ref, wrapped) == data_key

    @each_run_keeps_its_store
    @given(bit=st.integers(0, 40 * 8 - 1))
    def test_any_flipped_bit_is_refused(self, keystore: KeyStore, bit: int) -> None:
        ref = _shared(keystore, Algorithm.AES256_KW)
        wrapped = bytearray(keystore.wrap(ref, DATA_KEY))
        wrapped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(UnwrapFailed, match=r"^the wrapped key was not accepted$"):
            keystore.unwrap(ref, bytes(wrapped))

    @pytest.mark.parametrize("length", [0, 1, 24, 39, 41, 48])
    def test_other_lengths_are_refused(self, keystore: KeyStore, length: int) -> None:
        with pytest.raises(UnwrapFailed, match=r"^the wrapped key was not accepted$"):
            keystore.unwrap(_shared(keystore, Algorithm.AES256_KW), bytes(length))

    @pytest.mark.parametrize("length", [0, 16, 31, 33])
    def test_only_data_keys_are_wrapped(self, keystore: KeyStore, length: int) -> None:
        with pytest.raises(HsmUsageError, match="32 bytes"):
            keystore.wrap(_shared(keystore, Algorithm.AES256_KW), bytes(length))

    def test_a_key_of_the_store_is_never_wrapped(self, keystore: KeyStore, make: Make) -> None:
        ref = make(Algorithm.AES256_KW)
        with pytest.raises(HsmUsageError, match="never leave"):
            keystore.wrap(ref, ref)  # type: ignore[arg-type]


class TestSign:
    @each_run_keeps_its_store
    @given(message=st.binary(max_size=300))
    def test_signatures_verify(self, keystore: KeyStore, message: bytes) -> None:
        for algorithm in keystore.capabilities().algorithms & {Algorithm.ECDSA_P256, Algorithm.ED25519}:
            ref = _shared(keystore, algorithm)
            signature = keystore.sign(ref, message)
            assert signature_is_valid(keystore.public_key(ref), signature, message)
            assert not signature_is_valid(keystore.public_key(ref), signature, message + b"!")

    def test_only_bytes_are_signed(self, keystore: KeyStore) -> None:
        with pytest.raises(HsmUsageError):
            keystore.sign(_shared(keystore, Algorithm.ECDSA_P256), "text")  # type: ignore[arg-type]


class TestDerive:
    def test_agrees_with_the_other_side(self, keystore: KeyStore) -> None:
        ref = _shared(keystore, Algorithm.ECDH_P256)
        own = keystore.public_key(ref)
        assert isinstance(own, ec.EllipticCurvePublicKey)
        for _ in range(50):
            peer = ec.generate_private_key(ec.SECP256R1())
            assert keystore.derive(ref, public_bytes(peer.public_key())) == peer.exchange(ec.ECDH(), own)

    def test_leading_zeros_are_kept(self, keystore: KeyStore) -> None:
        """One secret in 256 starts with a zero byte; a token that strips it would give another key."""
        ref = _shared(keystore, Algorithm.ECDH_P256)
        own = keystore.public_key(ref)
        assert isinstance(own, ec.EllipticCurvePublicKey)
        peers = (ec.derive_private_key(scalar, ec.SECP256R1()) for scalar in range(2, 20_000))
        peer = next(peer for peer in peers if peer.exchange(ec.ECDH(), own)[0] == 0)
        assert keystore.derive(ref, public_bytes(peer.public_key())) == peer.exchange(ec.ECDH(), own)

    @pytest.mark.parametrize(
        "bad",
        [b"", bytes(65), b"\x04" + bytes(63), b"\x04" + b"\x01" * 64, b"\x02" + bytes(32), b"\x00"],
        ids=["empty", "zeros", "short", "off the curve", "compressed", "infinity"],
    )
    def test_bad_points_never_reach_the_token(self, keystore: KeyStore, bad: bytes) -> None:
        with pytest.raises(HsmUsageError, match=r"P-256"):
            keystore.derive(_shared(keystore, Algorithm.ECDH_P256), bad)


class TestObserver:
    def test_every_operation_is_observed(self, keystore: KeyStore, make: Make) -> None:
        seen: list[Observation] = []
        keystore._observer, before = seen.append, keystore._observer
        try:
            ref = make(Algorithm.AES256_KW)
            keystore.wrap(ref, DATA_KEY)
            with pytest.raises(UnwrapFailed):
                keystore.unwrap(ref, b"")
        finally:
            keystore._observer = before
        assert [(one.operation, one.outcome) for one in seen] == [
            ("generate", "ok"),
            ("wrap", "ok"),
            ("unwrap", "unwrap_failed"),
        ]
        assert all(0 <= one.seconds < 60 for one in seen)
        assert seen[1].key == f"{ref.label}#1"


def _shared(keystore: KeyStore, algorithm: Algorithm) -> KeyRef:
    """One key per algorithm for tests that only use it: making one in a token costs many file writes."""
    label = f"shared/{algorithm}"
    try:
        return keystore.active(label)
    except UnknownKey:
        return keystore.generate(label, algorithm.purpose, algorithm)
