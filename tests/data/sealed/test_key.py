"""A data key is fresh, differs for each part, and opens only under what it was sealed for."""

import hmac
import os

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from secure_ds.core.private_keys import public_point
from secure_ds.data.errors import ContainerRefused
from secure_ds.data.sealed.key import (
    KEY_BYTES,
    data_key_info,
    new_data_key,
    open_data_key,
    part_key,
    session_info,
    session_point,
)
from secure_ds.data.sealing import seal
from tests.data.sealed.examples import example_schema

SESSION = ec.generate_private_key(ec.SECP256R1())


def test_keys_are_fresh_and_of_one_length() -> None:
    assert len({new_data_key() for _ in range(100)}) == 100
    assert {len(new_data_key()), len(part_key(new_data_key(), b"part"))} == {KEY_BYTES}


def test_parts_have_keys_of_their_own() -> None:
    key = bytes(32)
    assert len({key, part_key(key, b"0"), part_key(key, b"1"), part_key(bytes(31) + b"\1", b"0")}) == 4


def test_a_parts_key_is_hkdf_of_the_data_key() -> None:
    """RFC 5869 by its text, with an empty salt: extract, then one block of expand."""
    key = bytes(range(32))
    extracted = hmac.digest(bytes(32), key, "sha256")
    assert part_key(key, b"binding") == hmac.digest(extracted, b"binding\x01", "sha256")


@pytest.mark.parametrize("changed", ["dataset_id", "schema", "n_rows", "n_units", "upload_key"])
def test_the_binding_to_the_custodian_names_everything(changed: str) -> None:
    right = {"dataset_id": "ds", "schema": example_schema("table"), "n_rows": 5, "n_units": 4, "upload_key": "ab"}
    other = {"dataset_id": "d2", "schema": example_schema("images"), "n_rows": 6, "n_units": 3, "upload_key": "cd"}
    assert data_key_info(**right) != data_key_info(**right | {changed: other[changed]})  # type: ignore[arg-type]


def test_the_binding_names_the_unit() -> None:
    right, users = (example_schema("table", users=users) for users in (False, True))
    assert data_key_info("ds", right, 5, 4, "ab") != data_key_info("ds", users, 5, 4, "ab")


def test_a_session_opens_its_own_key_alone() -> None:
    info = session_info("job", "plan", 1, "ds", public_point(SESSION))
    key = new_data_key()
    sealed = seal(key, session_point(public_point(SESSION)), info)
    assert open_data_key(sealed, SESSION, info) == key
    for wrong in (
        (sealed, ec.generate_private_key(ec.SECP256R1()), info),
        (sealed, SESSION, info + b" "),
        (sealed[:-1], SESSION, info),
        (b"", SESSION, info),
        (os.urandom(113), SESSION, info),
        (seal(bytes(16), SESSION.public_key(), info), SESSION, info),
    ):
        with pytest.raises(ContainerRefused):
            open_data_key(*wrong)


@pytest.mark.parametrize("point", ["", "04", "04" + "11" * 64, "zz"])
def test_a_session_key_is_a_point(point: str) -> None:
    with pytest.raises(ValueError):
        session_point(point)
