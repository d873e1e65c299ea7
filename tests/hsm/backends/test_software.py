"""The software key store: its file, and its refusal to be taken for a token."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hsm.backends import keyfile
from hsm.backends.keyfile import KeyFile
from hsm.backends.software import SoftwareKeyStore
from hsm.errors import ForkedProcess, HsmUnavailable, InsecureBackend, KeyFileBroken, TokenBusy, TokenFull
from hsm.keys import Algorithm, KeyRef, KeyState, Purpose
from hsm.pin import PinFile, PinVariable

DATA_KEY = bytes(range(32))
GOLDEN = (
    "5344534b460104aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbb"
    "9f379bc018e1a44b41ed00a210d834a28753636d617816f5"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "keys.sdkf"


@pytest.fixture
def store(path: Path, pin_file: Path) -> SoftwareKeyStore:
    return SoftwareKeyStore(path, PinFile(pin_file))


def test_names_itself_insecure(store: SoftwareKeyStore, caplog: pytest.LogCaptureFixture, pin_file: Path) -> None:
    assert "INSECURE" in repr(store)
    assert "INSECURE" in store.capabilities().description
    assert store.capabilities().secure is False
    with caplog.at_level(logging.WARNING):
        SoftwareKeyStore(pin_file.parent / "loud.sdkf", PinFile(pin_file)).close()
    assert "INSECURE" in caplog.text


def test_refuses_production(path: Path, pin_file: Path) -> None:
    with pytest.raises(InsecureBackend):
        SoftwareKeyStore(path, PinFile(pin_file), production=True)


def test_keys_survive_and_the_file_is_private(store: SoftwareKeyStore, path: Path, pin_file: Path) -> None:
    refs = [store.generate(f"key/{algorithm}", algorithm.purpose, algorithm) for algorithm in Algorithm]
    wrapped = store.wrap(refs[0], DATA_KEY)
    store.destroy(store.rotate(refs[1].label))
    listed = store.list()
    store.close()
    assert path.stat().st_mode & 0o077 == 0
    with SoftwareKeyStore(path, PinFile(pin_file)) as again:
        assert again.list() == listed
        assert again.unwrap(refs[0], wrapped) == DATA_KEY


def test_nothing_readable_at_rest(store: SoftwareKeyStore, path: Path) -> None:
    ref = store.generate("sentinel-label", Purpose.WRAP, Algorithm.AES256_KW)
    secret = store._entries[bytes.fromhex(ref.key_id)][1]
    for sentinel in (secret, secret.hex().encode(), b"sentinel", ref.key_id.encode()):
        assert sentinel not in path.read_bytes()


def test_destroyed_secret_leaves_the_file(store: SoftwareKeyStore, path: Path, pin_file: Path) -> None:
    ref = store.generate("key", Purpose.WRAP, Algorithm.AES256_KW)
    secret = store._entries[bytes.fromhex(ref.key_id)][1].hex()
    store.destroy(ref)
    store.close()
    contents = KeyFile(path, PinFile(pin_file).read()).read().decode()
    assert ref.key_id in contents
    assert secret not in contents


def test_wrong_pin(store: SoftwareKeyStore, path: Path, monkeypatch: pytest.MonkeyPatch, pin_file: Path) -> None:
    ref = store.generate("key", Purpose.WRAP, Algorithm.AES256_KW)
    store.close()
    monkeypatch.setenv("WRONG_PIN", "sentinel-wrong")
    with pytest.raises(KeyFileBroken, match="wrong PIN, or") as caught:
        SoftwareKeyStore(path, PinVariable("WRONG_PIN"))
    assert "sentinel" not in str(caught.value)
    with SoftwareKeyStore(path, PinFile(pin_file)) as again:
        assert again.active("key") == ref


def test_one_store_per_file(store: SoftwareKeyStore, path: Path, pin_file: Path) -> None:
    with pytest.raises(TokenBusy):
        SoftwareKeyStore(path, PinFile(pin_file))
    store.close()
    SoftwareKeyStore(path, PinFile(pin_file)).close()


def test_full_disk_changes_nothing(store: SoftwareKeyStore, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = store.generate("key", Purpose.WRAP, Algorithm.AES256_KW)
    before, wrapped = path.read_bytes(), store.wrap(ref, DATA_KEY)

    def no_room(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hsm.backends.keyfile.os.fsync", no_room)
    changes: tuple[Callable[[], KeyRef], ...] = (lambda: store.rotate("key"), lambda: store.destroy(ref))
    for change in changes:
        with pytest.raises(TokenFull, match="No space left"):
            change()
    assert path.read_bytes() == before
    assert store.unwrap(ref, wrapped) == DATA_KEY
    monkeypatch.undo()
    assert store.rotate("key").version == 2
    assert store.destroy(ref).state is KeyState.DESTROYED


def test_unreadable_place(tmp_path: Path, pin_file: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(HsmUnavailable, match="cannot be opened"):
        SoftwareKeyStore(tmp_path / "file" / "keys.sdkf", PinFile(pin_file))


def test_fork_is_refused(store: SoftwareKeyStore) -> None:
    """In the store's own terms; real forks are in `test_softhsm.py`."""
    store._pid = os.getpid() + 1
    with pytest.raises(ForkedProcess):
        store.list()


class TestKeyFile:
    def test_golden_bytes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """PIN "pin", scrypt N = 2^4, salt 16 x aa, nonce 12 x bb, contents "contents"."""
        fills = iter([b"\xaa", b"\xbb"])
        monkeypatch.setattr(keyfile, "COST_LOG2", 4)
        monkeypatch.setattr("hsm.backends.keyfile.os.urandom", lambda length: next(fills) * length)
        KeyFile(tmp_path / "k", "pin").write(b"contents")
        assert (tmp_path / "k").read_bytes().hex() == GOLDEN
        assert KeyFile(tmp_path / "k", "pin").read() == b"contents"

    @settings(max_examples=60, deadline=None)
    @given(position=st.integers(0, len(bytes.fromhex(GOLDEN)) - 1), flip=st.integers(1, 255))
    def test_any_changed_byte(self, tmp_path_factory: pytest.TempPathFactory, position: int, flip: int) -> None:
        path = tmp_path_factory.mktemp("changed") / "k"
        changed = bytearray.fromhex(GOLDEN)
        changed[position] ^= flip
        # A changed cost would only make the test slow: refuse to run the largest ones.
        if position == len(keyfile.TAG) and changed[position] > 10:
            changed[position] = 200
        path.write_bytes(changed)
        with pytest.raises(KeyFileBroken):
            KeyFile(path, "pin").read()

    @pytest.mark.parametrize("length", [1, 6, 7, 23, 34, 35, 50])
    def test_any_truncation(self, tmp_path: Path, length: int) -> None:
        (tmp_path / "k").write_bytes(bytes.fromhex(GOLDEN)[:length])
        with pytest.raises(KeyFileBroken):
            KeyFile(tmp_path / "k", "pin").read()

    def test_contents_of_another_kind(self, tmp_path: Path, pin_file: Path) -> None:
        KeyFile(tmp_path / "k", PinFile(pin_file).read()).write(b'[{"label": 1}]')
        with pytest.raises(KeyFileBroken, match="contents"):
            SoftwareKeyStore(tmp_path / "k", PinFile(pin_file))
