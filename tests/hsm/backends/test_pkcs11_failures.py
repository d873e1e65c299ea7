"""A PKCS#11 token that fails, lies or goes away, and what the key store makes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pkcs11 import Attribute, Mechanism
from pkcs11 import exceptions as p11

from hsm.backends.pkcs11_library import Library
from hsm.backends.pkcs11_token import Pkcs11KeyStore
from hsm.errors import (
    CapabilityMissing,
    HsmError,
    HsmUnavailable,
    KeyStoreClosed,
    PinLocked,
    PinRejected,
    PinUnavailable,
    TokenAbsent,
    TokenBusy,
    TokenFault,
    TokenFull,
    TokenLost,
    UnknownKey,
    UnwrapFailed,
)
from hsm.interface import KeyStore
from hsm.keys import Algorithm, KeyRef, KeyState, Purpose
from hsm.pin import PinFile
from hsm.uri import TokenUri
from tests.simulators.token import SimulatedObject, SimulatedToken, same_id

URI = TokenUri(token="simulated")
DATA_KEY = bytes(range(32))


@pytest.fixture
def kek(simulated_store: KeyStore) -> KeyRef:
    return simulated_store.generate("kek", Purpose.WRAP, Algorithm.AES256_KW)


@pytest.fixture
def signer(simulated_store: KeyStore) -> KeyRef:
    return simulated_store.generate("signer", Purpose.SIGN, Algorithm.ECDSA_P256)


@pytest.fixture
def box(simulated_store: KeyStore) -> KeyRef:
    return simulated_store.generate("box", Purpose.DERIVE, Algorithm.ECDH_P256)


class TestOpening:
    def test_absent_token(self, simulated: SimulatedToken, pin_file: Path) -> None:
        simulated.present = False
        with pytest.raises(TokenAbsent, match="0 tokens match"):
            Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated))

    def test_other_serial(self, simulated: SimulatedToken, pin_file: Path) -> None:
        with pytest.raises(TokenAbsent):
            Pkcs11KeyStore(TokenUri(token="simulated", serial="9999"), PinFile(pin_file), library=Library(simulated))

    def test_absent_library_says_what_to_install(self, pin_file: Path) -> None:
        with pytest.raises(TokenAbsent, match="apt-get install softhsm2"):
            Pkcs11KeyStore(TokenUri(token="x", module_path="/nowhere/lib.so"), PinFile(pin_file))

    def test_file_that_is_no_library(self, tmp_path: Path, pin_file: Path) -> None:
        (tmp_path / "lib.so").write_text("not a library")
        with pytest.raises(TokenAbsent, match="does not start"):
            Pkcs11KeyStore(TokenUri(token="x", module_path=str(tmp_path / "lib.so")), PinFile(pin_file))

    def test_wrong_pin_is_sent_once(self, pin_file: Path) -> None:
        token = SimulatedToken(pin="another")
        with pytest.raises(PinRejected, match="refused the PIN") as caught:
            Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(token))
        assert len(token.logins) == 1
        assert "sentinel" not in str(caught.value) + repr(caught.value.__context__)

    def test_locked_pin(self, simulated: SimulatedToken, pin_file: Path) -> None:
        simulated.fail_next("open", p11.PinLocked())
        with pytest.raises(PinLocked, match="security officer"):
            Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated))

    def test_missing_pin(self, simulated: SimulatedToken, tmp_path: Path) -> None:
        with pytest.raises(PinUnavailable):
            Pkcs11KeyStore(URI, PinFile(tmp_path / "none"), library=Library(simulated))

    def test_one_store_per_token(self, simulated: SimulatedToken, pin_file: Path) -> None:
        with Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated)), pytest.raises(TokenBusy):
            Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated))
        Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated)).close()

    def test_closed_store_refuses(self, simulated: SimulatedToken, pin_file: Path) -> None:
        store = Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated))
        store.close()
        store.close()
        with pytest.raises(KeyStoreClosed):
            store.list()


class TestLostSession:
    def test_uses_are_repeated(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef, signer: KeyRef, box: KeyRef
    ) -> None:
        wrapped = simulated_store.wrap(kek, DATA_KEY)
        point = bytes.fromhex(P256_BASE_POINT)
        secret = simulated_store.derive(box, point)
        uses: tuple[Callable[[], bool], ...] = (
            lambda: simulated_store.wrap(kek, DATA_KEY) == wrapped,
            lambda: simulated_store.unwrap(kek, wrapped) == DATA_KEY,
            lambda: bool(simulated_store.sign(signer, b"message")),
            lambda: simulated_store.derive(box, point) == secret,
            lambda: len(simulated_store.list()) == 3,
        )
        for use in uses:
            simulated.lose_sessions()
            assert use()

    def test_life_is_not_repeated(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        changes: tuple[Callable[[], KeyRef], ...] = (
            lambda: simulated_store.generate("other", Purpose.WRAP, Algorithm.AES256_KW),
            lambda: simulated_store.rotate("kek"),
        )
        for change in changes:
            simulated.fail_next("generate_key", p11.SessionClosed())
            with pytest.raises(TokenLost, match="list the keys before repeating"):
                change()
        simulated.fail_next("destroy", p11.DeviceRemoved())
        with pytest.raises(TokenLost):
            simulated_store.destroy(kek)
        assert [ref.state for ref in simulated_store.list()] == [KeyState.ACTIVE]
        assert simulated_store.destroy(kek).state is KeyState.DESTROYED

    def test_token_pulled_and_put_back(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        wrapped = simulated_store.wrap(kek, DATA_KEY)
        simulated.present = False
        for _ in range(3):
            with pytest.raises(HsmUnavailable):
                simulated_store.unwrap(kek, wrapped)
        simulated.present = True
        simulated.lose_sessions()
        assert simulated_store.unwrap(kek, wrapped) == DATA_KEY

    def test_pin_changed_meanwhile_is_sent_once(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef
    ) -> None:
        before = len(simulated.logins)
        simulated._pin = "changed"
        simulated.lose_sessions()
        for _ in range(3):
            with pytest.raises(PinRejected):
                simulated_store.wrap(kek, DATA_KEY)
        assert len(simulated.logins) == before + 1

    def test_stale_handle_is_looked_up_again(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef
    ) -> None:
        for stale in (p11.ObjectHandleInvalid(), p11.KeyHandleInvalid(), p11.WrappingKeyHandleInvalid()):
            simulated.fail_next("wrap_key", stale)
            assert len(simulated_store.wrap(kek, DATA_KEY)) == 40

    def test_key_destroyed_elsewhere(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        simulated_store.wrap(kek, DATA_KEY)
        simulated.objects = [found for found in simulated.objects if found.secret is None or _is_record(found)]
        with pytest.raises(UnknownKey, match="no longer"):
            simulated_store.wrap(kek, DATA_KEY)
        assert [ref.state for ref in simulated_store.list()] == [KeyState.DESTROYED]


class TestMaking:
    def test_full_token_makes_nothing(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        full_at = len(simulated.objects)
        # The secret, its public half, the probe's temporary object and the record: full at each of them.
        for room in range(3):
            simulated.capacity = full_at + room
            with pytest.raises(TokenFull, match="no room"):
                simulated_store.rotate("kek") if room < 2 else simulated_store.generate(
                    "signer", Purpose.SIGN, Algorithm.ECDSA_P256
                )
            assert len(simulated.objects) == full_at
        simulated.capacity = 1000
        assert simulated_store.active("kek") == kek
        assert simulated_store.rotate("kek").version == 2

    def test_key_that_does_not_work_is_not_activated(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef
    ) -> None:
        before = len(simulated.objects)
        simulated.answers["unwrap_key"] = lambda right: bytes(32)
        with pytest.raises(TokenFault, match="does not work"):
            simulated_store.rotate("kek")
        simulated.answers.clear()
        assert simulated_store.list() == (kek,)
        assert len(simulated.objects) == before

    def test_crash_before_activation_leaves_nothing(
        self, simulated: SimulatedToken, simulated_store: Pkcs11KeyStore, pin_file: Path
    ) -> None:
        simulated_store._activate = _crash  # type: ignore[method-assign]
        simulated_store._discard = lambda record: None  # type: ignore[method-assign]
        with pytest.raises(_CrashError):
            simulated_store.generate("signer", Purpose.SIGN, Algorithm.ECDSA_P256)
        simulated_store.close()
        assert len(simulated.objects) == 2
        with Pkcs11KeyStore(URI, PinFile(pin_file), library=Library(simulated)) as after:
            assert after.list() == ()
            assert simulated.objects == []
            assert after.generate("signer", Purpose.SIGN, Algorithm.ECDSA_P256).version == 1

    @pytest.mark.parametrize(
        ("forced", "message"),
        [
            ({Attribute.EXTRACTABLE: True}, "read out"),
            ({Attribute.SENSITIVE: False}, "read out"),
            ({Attribute.DECRYPT: True}, "other uses"),
            ({Attribute.UNWRAP: False}, "other uses"),
        ],
    )
    def test_weaker_key_than_asked_is_refused(
        self, simulated: SimulatedToken, simulated_store: KeyStore, forced: dict[Attribute, bool], message: str
    ) -> None:
        simulated.forces = forced
        with pytest.raises(TokenFault, match=message):
            simulated_store.generate("kek", Purpose.WRAP, Algorithm.AES256_KW)
        assert simulated.objects == []

    def test_ids_are_fresh_so_nothing_is_overwritten(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef
    ) -> None:
        simulated.overwrites = same_id
        wrapped = simulated_store.wrap(kek, DATA_KEY)
        ids = {simulated_store.rotate("kek").key_id for _ in range(20)} | {kek.key_id}
        assert len(ids) == 21
        assert simulated_store.unwrap(kek, wrapped) == DATA_KEY

    def test_lost_key_is_noticed(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        simulated.overwrites = lambda old, new: old.secret is not None and Attribute.ID in new.attributes
        with pytest.raises(TokenFault, match="lost a key"):
            simulated_store.rotate("kek")

    def test_key_that_was_only_cached_is_not_handed_out(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef
    ) -> None:
        known = [found.attributes for found in simulated.objects]
        for forgotten in (_is_record, lambda found: not _is_record(found)):
            simulated.forgets = lambda found: found.attributes not in known and forgotten(found)  # noqa: B023
            with pytest.raises(TokenFull, match="did not keep"):
                simulated_store.rotate("kek")
            assert [found.attributes for found in simulated.objects] == known
            assert simulated_store.list() == (kek,)

    def test_missing_algorithm_is_named(self, simulated: SimulatedToken, simulated_store: KeyStore) -> None:
        with pytest.raises(CapabilityMissing, match="the token simulated lacks ed25519"):
            simulated_store.generate("signer", Purpose.SIGN, Algorithm.ED25519)
        simulated.slot.mechanisms.discard(Mechanism.AES_KEY_WRAP)
        with pytest.raises(CapabilityMissing, match="aes-256-kw, ed25519"):
            simulated_store.capabilities().require(Algorithm)
        assert simulated.objects == []


class TestAnswers:
    @pytest.mark.parametrize("length", [0, 63, 65, 72])
    def test_signature_of_wrong_length(
        self, simulated: SimulatedToken, simulated_store: KeyStore, signer: KeyRef, length: int
    ) -> None:
        simulated.answers["sign"] = lambda right: (right + right)[:length]
        with pytest.raises(TokenFault, match="bytes instead of 64"):
            simulated_store.sign(signer, b"message")

    @pytest.mark.parametrize("wrong", [bytes(64), b"\xff" * 64, bytes(32) + b"\x01" * 32])
    def test_signature_out_of_range(
        self, simulated: SimulatedToken, simulated_store: KeyStore, signer: KeyRef, wrong: bytes
    ) -> None:
        simulated.answers["sign"] = lambda right: wrong
        with pytest.raises(TokenFault, match="out of range"):
            simulated_store.sign(signer, b"message")

    def test_signature_that_does_not_verify(
        self, simulated: SimulatedToken, simulated_store: KeyStore, signer: KeyRef
    ) -> None:
        simulated.answers["sign"] = lambda right: right[:-1] + bytes([right[-1] ^ 1])
        with pytest.raises(TokenFault, match="does not verify"):
            simulated_store.sign(signer, b"message")

    def test_short_shared_secret(self, simulated: SimulatedToken, simulated_store: KeyStore, box: KeyRef) -> None:
        simulated.answers["derive_key"] = lambda right: right[1:]
        with pytest.raises(TokenFault, match="31 bytes"):
            simulated_store.derive(box, bytes.fromhex(P256_BASE_POINT))

    @pytest.mark.parametrize(
        "code", [p11.GeneralError, p11.EncryptedDataInvalid, p11.WrappedKeyInvalid, p11.WrappedKeyLenRange]
    )
    def test_bad_wrapped_key_looks_the_same_on_every_token(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef, code: type[p11.PKCS11Error]
    ) -> None:
        simulated.fail_next("unwrap_key", code())
        with pytest.raises(UnwrapFailed) as caught:
            simulated_store.unwrap(kek, bytes(40))
        assert (str(caught.value), caught.value.__cause__) == ("the wrapped key was not accepted", None)

    def test_unknown_failure_is_ours(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        simulated.fail_next("wrap_key", p11.GeneralError())
        with pytest.raises(TokenFault, match="GeneralError"):
            simulated_store.wrap(kek, DATA_KEY)

    def test_even_a_defect_is_ours(self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef) -> None:
        simulated.answers["wrap_key"] = lambda right: right["no"]  # type: ignore[call-overload]
        with pytest.raises(HsmError, match="TypeError"):
            simulated_store.wrap(kek, DATA_KEY)

    def test_temporary_objects_do_not_stay(
        self, simulated: SimulatedToken, simulated_store: KeyStore, kek: KeyRef, box: KeyRef
    ) -> None:
        before = len(simulated.objects)
        wrapped = simulated_store.wrap(kek, DATA_KEY)
        simulated_store.unwrap(kek, wrapped)
        simulated_store.derive(box, bytes.fromhex(P256_BASE_POINT))
        simulated.fail_next("wrap_key", p11.GeneralError())
        with pytest.raises(TokenFault):
            simulated_store.wrap(kek, DATA_KEY)
        assert len(simulated.objects) == before


# SP 800-186 section 3.2.1.3.
P256_BASE_POINT = (
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


class _CrashError(BaseException):
    """Not an Exception: nothing in the code under test may catch it."""


def _crash(record: object) -> None:
    raise _CrashError


def _is_record(found: SimulatedObject) -> bool:
    return Attribute.APPLICATION in found.attributes
