"""The record that makes a version active, as bytes in a token."""

from __future__ import annotations

import pytest

from hsm.backends.pkcs11_objects import decode_record, encode_record, object_label, read_point
from hsm.errors import TokenFault
from hsm.keys import Algorithm, KeyRecord

KEK = KeyRecord("tenant/kek", 3, Algorithm.AES256_KW, b"\x11" * 16)
SIGNER = KeyRecord("signer", 1, Algorithm.ED25519, b"\x22" * 16, b"\x33" * 32)
GOLDEN = (
    b'{"algorithm":"aes-256-kw","format":1,"key_id":"11111111111111111111111111111111",'
    b'"label":"tenant/kek","public":null,"version":3}'
)


def test_golden_bytes_and_label() -> None:
    assert encode_record(KEK) == GOLDEN
    assert object_label(KEK) == "secure-ds:tenant/kek#3"


@pytest.mark.parametrize("record", [KEK, SIGNER])
def test_round_trip(record: KeyRecord) -> None:
    assert decode_record(encode_record(record), {record.key_id}) == record
    assert decode_record(encode_record(record), set()).alive is False


@pytest.mark.parametrize(
    "bad", [b"", b"{}", b"[]", b"7", b"\xff", GOLDEN.replace(b":1,", b":2,"), GOLDEN.replace(b"aes", b"des")]
)
def test_unknown_records_are_refused(bad: bytes) -> None:
    with pytest.raises(TokenFault, match="unknown form"):
        decode_record(bad, set())


def test_points_in_both_forms() -> None:
    point, key = b"\x04" + b"\x01" * 64, b"\x04" + b"\x20" * 31
    assert read_point(Algorithm.ECDH_P256, point) == point
    assert read_point(Algorithm.ECDH_P256, b"\x04\x41" + point) == point
    assert read_point(Algorithm.ED25519, key) == key
    assert read_point(Algorithm.ED25519, b"\x04\x20" + key) == key


@pytest.mark.parametrize("bad", [b"", b"\x04\x41", b"\x04" + bytes(65), b"\x04\x42" + bytes(66), bytes(64)])
def test_points_in_another_form(bad: bytes) -> None:
    with pytest.raises(TokenFault, match="unknown form"):
        read_point(Algorithm.ECDH_P256, bad)
