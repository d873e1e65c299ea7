"""A sealed descriptor has one spelling, agrees with itself, and is read only under its owner's signature."""

import base64
import json
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.data.descriptor import parse_descriptor
from secure_ds.data.errors import InvalidDescriptor, InvalidEnvelope
from secure_ds.data.sealed.descriptor import parse_sealed_descriptor
from secure_ds.data.sealed.signed import (
    is_sealed,
    open_own_sealed_descriptor,
    open_sealed_descriptor,
    sign_sealed_descriptor,
)
from secure_ds.data.signed import open_own_descriptor
from secure_ds.data.signed_descriptor import sign_descriptor
from tests.data.descriptors import descriptor_json, digest
from tests.data.sealed.descriptors import sealed_descriptor_json

OWNER = Ed25519PrivateKey.generate()
UPLOAD_KEY = OWNER.public_key().public_bytes_raw().hex()


def test_it_reads_back_with_one_digest() -> None:
    canonical = rfc8785.dumps(sealed_descriptor_json())
    descriptor = parse_sealed_descriptor(canonical)
    assert descriptor.canonical == canonical
    assert descriptor.digest == "sha256:939c447af7b7a077d614e3b7e008de6a69d534253a79bba62b534a0c7028c26b", (
        "a golden value: a new spelling is a new format"
    )
    assert (descriptor.rows_per_unit, descriptor.records.unit) == (3, "user")


PARTS = sealed_descriptor_json()["parts"]
LIMITS = sealed_descriptor_json()["limits"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n_rows": 11}, "n_rows must be the sum"),
        ({"n_units": 3}, "10 rows are of 4 to 10 units"),
        ({"n_units": 11}, "10 rows are of 4 to 10 units"),
        ({"parts": [PARTS[0], PARTS[0] | {"rows": 4}]}, "two parts are the same file"),
        ({"parts": []}, "parts"),
        ({"parts": [PARTS[0], PARTS[1] | {"rows": 0}]}, "rows"),
        ({"limits": LIMITS | {"orders": [4.0, 2.0]}}, "orders must be ascending"),
        ({"limits": LIMITS | {"orders": [2.0, 2.0]}}, "orders must be ascending"),
        ({"limits": LIMITS | {"orders": [1.0]}}, "greater than 1"),
        ({"limits": LIMITS | {"orders": []}}, "orders"),
        ({"limits": LIMITS | {"epsilon": 0.0}}, "epsilon"),
        ({"limits": LIMITS | {"purposes": ["b", "a"]}}, "purposes must be sorted"),
        ({"limits": LIMITS | {"max_decryptions": 3}}, "max_decryptions"),
        ({"parent": {"dataset_id": "ds_" + "a" * 26, "descriptor_digest": digest("x")}}, "its own parent"),
        ({"format": "secure-ds/dataset/2"}, "format"),
        ({"upload_key": "AB" * 32}, "upload_key"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_a_descriptor_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidDescriptor, match=said):
        parse_sealed_descriptor(rfc8785.dumps(sealed_descriptor_json(**change)))


def test_another_spelling_is_refused() -> None:
    with pytest.raises(InvalidDescriptor, match="canonical"):
        parse_sealed_descriptor(json.dumps(sealed_descriptor_json()).encode())


def signed() -> bytes:
    descriptor = parse_sealed_descriptor(rfc8785.dumps(sealed_descriptor_json(upload_key=UPLOAD_KEY)))
    return sign_sealed_descriptor(descriptor, OWNER)


def test_it_opens_under_its_owners_signature_alone() -> None:
    assert open_own_sealed_descriptor(signed()) == open_sealed_descriptor(signed(), OWNER.public_key())
    with pytest.raises(InvalidEnvelope):
        open_sealed_descriptor(signed(), Ed25519PrivateKey.generate().public_key())
    envelope = json.loads(signed())
    payload = base64.b64decode(envelope["payload"]).replace(b'"epsilon":4', b'"epsilon":9')
    envelope["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(InvalidEnvelope):
        open_own_sealed_descriptor(json.dumps(envelope).encode())
    with pytest.raises(InvalidEnvelope):
        open_own_sealed_descriptor(b"{}")


def test_it_is_signed_with_the_key_it_names() -> None:
    descriptor = parse_sealed_descriptor(rfc8785.dumps(sealed_descriptor_json(upload_key=UPLOAD_KEY)))
    with pytest.raises(InvalidEnvelope):
        sign_sealed_descriptor(descriptor, Ed25519PrivateKey.generate())


def test_neither_kind_passes_for_the_other() -> None:
    encrypted = sign_descriptor(parse_descriptor(rfc8785.dumps(descriptor_json(upload_key=UPLOAD_KEY))), OWNER)
    assert (is_sealed(signed()), is_sealed(encrypted), is_sealed(b"nonsense")) == (True, False, False)
    relabelled = json.loads(signed()) | {"payloadType": json.loads(encrypted)["payloadType"]}
    for opener, envelope in (
        (open_own_sealed_descriptor, encrypted),
        (open_own_descriptor, signed()),
        (open_own_descriptor, json.dumps(relabelled).encode()),
        (open_own_sealed_descriptor, json.dumps(relabelled).encode()),
    ):
        with pytest.raises((InvalidEnvelope, InvalidDescriptor)):
            opener(envelope)
