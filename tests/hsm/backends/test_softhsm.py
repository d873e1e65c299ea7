"""What was seen on SoftHSM, kept true: threads, fork, attacks through the raw binding, crashes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11

from hsm.backends.pkcs11_token import Pkcs11KeyStore
from hsm.errors import PinRejected, TokenBusy, UnknownKey, UnwrapFailed
from hsm.keys import Algorithm, KeyRef, KeyState, Purpose
from hsm.pin import PinFile, PinVariable
from hsm.public_keys import public_bytes
from hsm.tokens import EmbeddedToken
from tests.hsm.backends import forked
from tests.hsm.conftest import PIN, SO_PIN

SOAK_SECONDS = float(os.environ.get("SECURE_DS_SOAK_SECONDS", "5"))
DATA_KEY = bytes(range(32))


@pytest.fixture
def free_token(embedded: EmbeddedToken, softhsm: Pkcs11KeyStore) -> Iterator[EmbeddedToken]:
    """The token, with no store of this process on it."""
    softhsm._connection.close()
    yield embedded
    softhsm._connection.__init__(softhsm._connection.library, embedded.uri, softhsm._connection._pin)  # type: ignore[misc]


def _key(store: Pkcs11KeyStore, algorithm: Algorithm) -> KeyRef:
    label = f"softhsm/{algorithm}"
    try:
        return store.active(label)
    except UnknownKey:
        return store.generate(label, algorithm.purpose, algorithm)


def _raw(store: Pkcs11KeyStore, ref: KeyRef, kind: ObjectClass) -> Any:
    """The key as the raw binding shows it to anyone who has the PIN."""
    return store._connection.session.get_key(id=bytes.fromhex(ref.key_id), object_class=kind)


class TestThreads:
    def test_eight_threads_of_mixed_operations(self, softhsm: Pkcs11KeyStore) -> None:
        """Without the process-wide lock this ends in a segmentation fault within seconds.

        5 s here; SECURE_DS_SOAK_SECONDS=60 for the evidence. Every answer is checked against software.
        """
        for algorithm in Algorithm:
            _key(softhsm, algorithm)
        soak = _Soak(softhsm, until=time.monotonic() + SOAK_SECONDS)
        threads = [threading.Thread(target=soak.run, args=(work,)) for work in soak.works()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(f"soak: {sum(soak.done.values())} operations in {SOAK_SECONDS:g} s: {soak.done}")
        assert soak.errors == []
        assert len(threads) == 8
        assert all(soak.done[name] > 0 for name in ("wrap", "sign", "ed25519", "derive", "list", "rotate"))
        assert len(soak.nonces) == soak.done["sign"]


class _Soak:
    def __init__(self, store: Pkcs11KeyStore, until: float) -> None:
        self.store, self.until = store, until
        self.errors: list[BaseException] = []
        self.done = dict.fromkeys(("wrap", "sign", "ed25519", "derive", "list", "rotate"), 0)
        self.nonces: set[int] = set()
        self.lock = threading.Lock()

    def works(self) -> list[tuple[str, Callable[[], bool]]]:
        wrap, sign, derive = ("wrap", self.wrap), ("sign", self.sign), ("derive", self.derive)
        once = [("ed25519", self.ed25519), ("list", self.list), ("rotate", self.rotate)]
        return [wrap, wrap, sign, sign, derive, *once]

    def run(self, work: tuple[str, Callable[[], bool]]) -> None:
        name, step = work
        try:
            while time.monotonic() < self.until:
                assert step(), name
                with self.lock:
                    self.done[name] += 1
        except BaseException as error:
            self.errors.append(error)

    def wrap(self) -> bool:
        ref, data_key = _key(self.store, Algorithm.AES256_KW), os.urandom(32)
        return self.store.unwrap(ref, self.store.wrap(ref, data_key)) == data_key

    def sign(self) -> bool:
        signature = self.store.sign(_key(self.store, Algorithm.ECDSA_P256), b"the same message")
        with self.lock:
            self.nonces.add(decode_dss_signature(signature)[0])
        return True

    def ed25519(self) -> bool:
        return len(self.store.sign(_key(self.store, Algorithm.ED25519), os.urandom(100))) == 64

    def derive(self) -> bool:
        ref = _key(self.store, Algorithm.ECDH_P256)
        peer, own = ec.generate_private_key(ec.SECP256R1()), self.store.public_key(ref)
        assert isinstance(own, ec.EllipticCurvePublicKey)
        return self.store.derive(ref, public_bytes(peer.public_key())) == peer.exchange(ec.ECDH(), own)

    def list(self) -> bool:
        return len(self.store.list()) > 0

    def rotate(self) -> bool:
        time.sleep(0.2)  # each version stays in the token as a record, and records are searched one by one
        try:
            old = self.store.active("softhsm/rotated")
        except UnknownKey:
            old = self.store.generate("softhsm/rotated", Purpose.WRAP, Algorithm.AES256_KW)
        wrapped = self.store.wrap(old, DATA_KEY)
        self.store.rotate(old.label)
        answer = self.store.unwrap(old, wrapped)
        return answer == DATA_KEY and self.store.destroy(old).state is KeyState.DESTROYED


class TestFork:
    @pytest.fixture(scope="class")
    @staticmethod
    def seen(softhsm: Pkcs11KeyStore, pin_file: Path) -> dict[str, Any]:
        ref = _key(softhsm, Algorithm.ECDSA_P256)
        command = [sys.executable, "-m", forked.__name__, str(softhsm._uri), str(pin_file), ref.label]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def test_nonces_of_forked_workers_are_distinct(self, seen: dict[str, Any]) -> None:
        nonces = {decode_dss_signature(bytes.fromhex(signature))[0] for signature in seen["signatures"]}
        assert len(nonces) == forked.CHILDREN * forked.SIGNATURES_EACH

    def test_an_inherited_store_refuses(self, seen: dict[str, Any]) -> None:
        assert seen["refused"].pop("close") == "no error"
        assert set(seen["refused"].values()) == {"hsm_forked_process"}
        assert len(seen["refused"]) == 6

    def test_the_parent_keeps_working(self, seen: dict[str, Any]) -> None:
        assert seen["parent"] == "no error"


class TestAttacks:
    """By someone who has the PIN and talks to the token directly, past our interface (Clulow; Tookan)."""

    @pytest.mark.parametrize("victim", [Algorithm.AES256_KW, Algorithm.ECDSA_P256, Algorithm.ECDH_P256])
    def test_no_key_can_be_wrapped(self, softhsm: Pkcs11KeyStore, victim: Algorithm) -> None:
        kek = _raw(softhsm, _key(softhsm, Algorithm.AES256_KW), ObjectClass.SECRET_KEY)
        kind = ObjectClass.SECRET_KEY if victim is Algorithm.AES256_KW else ObjectClass.PRIVATE_KEY
        target = _raw(softhsm, _key(softhsm, victim), kind)
        own = softhsm._connection.session.generate_key(
            KeyType.AES, 256, capabilities=MechanismFlag.WRAP | MechanismFlag.DECRYPT
        )
        for wrapping in (kek, own):
            with pytest.raises(p11.KeyUnextractable):
                wrapping.wrap_key(target, mechanism=Mechanism.AES_KEY_WRAP)
        own.destroy()

    def test_a_wrapping_key_cannot_decrypt(self, softhsm: Pkcs11KeyStore) -> None:
        kek = _raw(softhsm, _key(softhsm, Algorithm.AES256_KW), ObjectClass.SECRET_KEY)
        assert not hasattr(kek, "decrypt")
        assert kek.get_attributes([Attribute.DECRYPT, Attribute.ENCRYPT]) == {
            Attribute.DECRYPT: False,
            Attribute.ENCRYPT: False,
        }

    @pytest.mark.parametrize(
        ("attribute", "value"),
        [
            (Attribute.DECRYPT, True),
            (Attribute.EXTRACTABLE, True),
            (Attribute.SENSITIVE, False),
            (Attribute.MODIFIABLE, True),
        ],
    )
    def test_attributes_cannot_be_weakened(self, softhsm: Pkcs11KeyStore, attribute: Attribute, value: bool) -> None:
        kek = _raw(softhsm, _key(softhsm, Algorithm.AES256_KW), ObjectClass.SECRET_KEY)
        with pytest.raises(p11.PKCS11Error):
            kek[attribute] = value
        with pytest.raises(p11.PKCS11Error):
            kek.copy({attribute: value})

    def test_the_value_cannot_be_read(self, softhsm: Pkcs11KeyStore) -> None:
        with pytest.raises(p11.AttributeSensitive):
            _raw(softhsm, _key(softhsm, Algorithm.AES256_KW), ObjectClass.SECRET_KEY)[Attribute.VALUE]

    def test_a_planted_key_of_ours_without_record_is_unknown(self, softhsm: Pkcs11KeyStore) -> None:
        before = softhsm.list()
        planted = softhsm._connection.session.generate_key(
            KeyType.AES, 256, store=True, id=os.urandom(16), label="secure-ds:planted#1"
        )
        assert softhsm.list() == before
        planted.destroy()


class TestInteroperability:
    def test_wrapping_is_rfc_3394(self, softhsm: Pkcs11KeyStore) -> None:
        """The token's bytes are those of `cryptography`: wrap a known key-encryption key, then a key under it."""
        session = softhsm._connection.session
        kek_bytes = os.urandom(32)
        kek = session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.VALUE: kek_bytes,
                Attribute.WRAP: True,
            }
        )
        key = session.create_object(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.AES,
                Attribute.VALUE: DATA_KEY,
                Attribute.EXTRACTABLE: True,
            }
        )
        assert kek.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP) == aes_key_wrap(kek_bytes, DATA_KEY)
        kek.destroy()
        key.destroy()

    def test_foreign_wrapped_keys_are_refused(self, softhsm: Pkcs11KeyStore) -> None:
        with pytest.raises(UnwrapFailed):
            softhsm.unwrap(_key(softhsm, Algorithm.AES256_KW), aes_key_wrap(os.urandom(32), DATA_KEY))

    def test_no_temporary_object_stays(self, softhsm: Pkcs11KeyStore) -> None:
        def count() -> int:
            return len(list(softhsm._connection.session.get_objects()))

        kek, box = _key(softhsm, Algorithm.AES256_KW), _key(softhsm, Algorithm.ECDH_P256)
        point, before = public_bytes(softhsm.public_key(box)), count()
        for _ in range(20):
            softhsm.unwrap(kek, softhsm.wrap(kek, DATA_KEY))
            softhsm.derive(box, point)
        assert count() == before


class TestOpening:
    def test_second_store_is_refused(self, softhsm: Pkcs11KeyStore, embedded: EmbeddedToken, pin_file: Path) -> None:
        with pytest.raises(TokenBusy):
            Pkcs11KeyStore(embedded.uri, PinFile(pin_file))
        assert softhsm.list()

    def test_wrong_pin(self, free_token: EmbeddedToken, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WRONG_PIN", "sentinel-wrong")
        with pytest.raises(PinRejected) as caught:
            Pkcs11KeyStore(free_token.uri, PinVariable("WRONG_PIN"))
        assert "sentinel" not in str(caught.value)

    def test_session_closed_by_another(self, softhsm: Pkcs11KeyStore) -> None:
        ref = _key(softhsm, Algorithm.AES256_KW)
        wrapped = softhsm.wrap(ref, DATA_KEY)
        softhsm._connection.session.close()
        assert softhsm.unwrap(ref, wrapped) == DATA_KEY

    def test_other_processes_may_come_and_go(self, softhsm: Pkcs11KeyStore, pin_file: Path) -> None:
        """Each opening rewrites SoftHSM's token file and sweeps half-made keys; neither may disturb a store in use."""
        script = (
            "import sys, time; from pathlib import Path\n"
            "from hsm.connect import open_keystore; from hsm.pin import PinFile\n"
            "until = time.monotonic() + 2\n"
            "while time.monotonic() < until:\n"
            "    open_keystore(sys.argv[1], pin=PinFile(Path(sys.argv[2]))).close()\n"
        )
        ref = _key(softhsm, Algorithm.AES256_KW)
        wrapped = softhsm.wrap(ref, DATA_KEY)
        with subprocess.Popen([sys.executable, "-c", script, str(softhsm._uri), str(pin_file)]) as other:
            while other.poll() is None:
                assert softhsm.unwrap(ref, wrapped) == DATA_KEY
                softhsm.rotate(_key(softhsm, Algorithm.ECDSA_P256).label)
        assert other.returncode == 0

    def test_keys_survive_the_process(self, softhsm: Pkcs11KeyStore, pin_file: Path) -> None:
        """Another process sees exactly the keys that this one was given, and opens what it closed."""
        ref = _key(softhsm, Algorithm.AES256_KW)
        script = (
            "import sys; from pathlib import Path; from hsm.connect import open_keystore; from hsm.pin import PinFile\n"
            "with open_keystore(sys.argv[1], pin=PinFile(Path(sys.argv[2]))) as store:\n"
            "    print(store.unwrap(store.lookup(sys.argv[3]), bytes.fromhex(sys.argv[4])).hex())\n"
            "    print(*(f'{ref}={ref.state}' for ref in store.list()))\n"
        )
        wrapped = softhsm.wrap(ref, DATA_KEY).hex()
        command = [sys.executable, "-c", script, str(softhsm._uri), str(pin_file), ref.key_id, wrapped]
        lines = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout.splitlines()
        assert lines[0] == DATA_KEY.hex()
        assert lines[1].split() == [f"{one}={one.state}" for one in softhsm.list()]


def test_killed_while_making_keys(embedded: EmbeddedToken, free_token: EmbeddedToken, pin_file: Path) -> None:
    """kill -9 at random moments: every key that was handed out works afterwards, and nothing half made shows."""
    script = (
        "import sys; from pathlib import Path; from hsm.connect import open_keystore; from hsm.pin import PinFile\n"
        "from hsm.keys import Algorithm, Purpose\n"
        "store = open_keystore(sys.argv[1], pin=PinFile(Path(sys.argv[2])))\n"
        "for number in range(10**6):\n"
        "    label = f'killed/{sys.argv[3]}-{number}'\n"
        "    ref = store.generate(label, Purpose.SIGN, Algorithm.ECDSA_P256)\n"
        "    print(ref.key_id, flush=True)\n"
    )
    acknowledged: set[str] = set()
    for number in range(4):
        command = [sys.executable, "-c", script, str(embedded.uri), str(pin_file), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged.add(child.stdout.readline().strip())
            time.sleep(0.013 * number)
            child.kill()
            acknowledged |= {line.strip() for line in child.stdout if len(line) == 33}
    with Pkcs11KeyStore(free_token.uri, PinFile(pin_file)) as after:
        killed = [ref for ref in after.list() if ref.label.startswith("killed/")]
        assert acknowledged <= {ref.key_id for ref in killed}
        for ref in killed:
            after.sign(ref, b"still works")
            after.destroy(ref)


def test_pins_are_nowhere_on_disk_or_in_the_environment(embedded: EmbeddedToken, softhsm: Pkcs11KeyStore) -> None:
    texts = [path.read_bytes() for path in embedded.configuration.parent.rglob("*") if path.is_file()]
    shown = [repr(softhsm).encode(), str(softhsm.capabilities()).encode(), repr(os.environ).encode()]
    for secret in (PIN, SO_PIN):
        assert all(secret.encode() not in text for text in [*texts, *shown])
