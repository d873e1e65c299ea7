"""The upload key stays its owner's."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from secure_ds.client.errors import InvalidUploadKey
from secure_ds.client.upload_key import load_upload_key, make_upload_key


def test_key_comes_back_from_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "config" / "key.pem"
    key = make_upload_key(path)
    assert load_upload_key(path).private_bytes_raw() == key.private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    make_upload_key(path)
    before = path.read_bytes()
    with pytest.raises(InvalidUploadKey):
        make_upload_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    make_upload_key(path)
    path.chmod(mode)
    with pytest.raises(InvalidUploadKey, match="chmod 600"):
        load_upload_key(path)


def foreign_keys() -> list[bytes]:
    other = ec.generate_private_key(ec.SECP256R1())
    locked = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    return [b"", b"key", other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), locked]


@pytest.mark.parametrize("content", foreign_keys())
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(InvalidUploadKey):
        load_upload_key(path)


def test_absent_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidUploadKey):
        load_upload_key(tmp_path / "none.pem")
