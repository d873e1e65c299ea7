"""An envelope opens for its signer's key only, and every failure looks the same."""

import base64
import contextlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from securesystemslib.dsse import Envelope as ReferenceEnvelope
from securesystemslib.signer import SSlibKey

from secure_ds.data import envelope
from secure_ds.data.errors import InvalidEnvelope

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
SIGNED = envelope.sign(b'{"a":1}', KEY)


@given(st.binary(max_size=200))
def test_round_trip(payload):
    signed = envelope.sign(payload, KEY)
    assert envelope.verify(signed, PUBLIC) == payload
    assert envelope.claimed_key_id(signed) == envelope.key_id(PUBLIC)


def test_golden_bytes():
    """Ed25519 is deterministic: the whole envelope is."""
    assert json.loads(SIGNED) == {
        "payload": "eyJhIjoxfQ==",
        "payloadType": "application/vnd.secure-ds.dataset+json",
        "signatures": [
            {
                "keyid": "sha256:56475aa75463474c0285df5dbf2bcab73da651358839e9b77481b2eab107708c",
                "sig": GOLDEN_SIGNATURE,
            }
        ],
    }


GOLDEN_SIGNATURE = "QcPvn3GXJ+471ZfKE9LkNEgzNezyJkdbSN39K/mkshag3SDIjCCasdPf3QThNQintBO4Du50yJyvUyprdMsWBg=="


def test_another_implementation_verifies_it():
    reference = ReferenceEnvelope.from_dict(json.loads(SIGNED))
    public = SSlibKey(envelope.key_id(PUBLIC), "ed25519", "ed25519", {"public": PUBLIC.public_bytes_raw().hex()})
    reference.verify([public], threshold=1)


def changed(**fields):
    return json.dumps({**json.loads(SIGNED), **fields}).encode()


def signature(**fields):
    return [{**json.loads(SIGNED)["signatures"][0], **fields}]


SIGNATURE = json.loads(SIGNED)["signatures"][0]
BAD = {
    "not json": b"\xff",
    "empty": b"",
    "a list": b"[]",
    "another payload": changed(payload=base64.b64encode(b'{"a":2}').decode()),
    "another type": changed(payloadType="application/json"),
    "no signature": changed(signatures=[]),
    "two signatures": changed(signatures=[SIGNATURE, SIGNATURE]),
    "another key id": changed(signatures=signature(keyid="sha256:" + "0" * 64)),
    "short signature": changed(signatures=signature(sig="AAAA")),
    "no base64": changed(payload="eyJhIjoxfQ"),
    "second spelling of the payload": changed(payload="eyJhIjoxfR=="),
    "non-ascii": changed(payload="é"),
    "a number": changed(payload=3),
    "an unknown field": changed(extra=1),
    "too long": b" " * (envelope.MAX_ENVELOPE_BYTES + 1),
}


@pytest.mark.parametrize("name", BAD)
def test_every_failure_is_the_same_error(name):
    with pytest.raises(InvalidEnvelope) as caught:
        envelope.verify(BAD[name], PUBLIC)
    assert str(caught.value) == str(InvalidEnvelope())
    assert caught.value.__cause__ is None


def test_another_signer_does_not_pass_under_this_key_id():
    forger = Ed25519PrivateKey.generate()
    forged = json.loads(envelope.sign(b"{}", forger))
    forged["signatures"][0]["keyid"] = envelope.key_id(PUBLIC)
    with pytest.raises(InvalidEnvelope):
        envelope.verify(json.dumps(forged).encode(), PUBLIC)


@given(st.integers(0, len(SIGNED) * 8 - 1))
def test_no_flipped_bit_yields_another_payload(bit):
    flipped = bytearray(SIGNED)
    flipped[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(InvalidEnvelope):
        assert envelope.verify(bytes(flipped), PUBLIC) == b'{"a":1}'
