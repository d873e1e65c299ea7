"""Signed statements: made by any signer, verified from public keys alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.signer import SSlibKey

from hsm.dsse import MAX_ENVELOPE_BYTES, KeyStoreSigner, Statement, local_signer, open_envelope, sign_envelope
from hsm.errors import EnvelopeRejected, HsmUsageError, UnknownKey, WrongPurpose
from hsm.interface import KeyStore
from hsm.keys import Algorithm, KeyRef
from hsm.public_keys import public_key_id

TYPE = "application/vnd.secure-ds.test+json"
PAYLOAD = b'{"what":"it says"}'
OWNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

# Ed25519 is deterministic (RFC 8032), so the whole envelope of a known key is.
GOLDEN = (
    '{"payload":"eyJ3aGF0IjoiaXQgc2F5cyJ9","payloadType":"application/vnd.secure-ds.test+json","signatures":'
    '[{"keyid":"sha256:a050837d85070582ccf7394b0988847cc312cb88259b894899f6f239cf1791a5",'
    '"sig":"SarQ6aFNWle8Kh+Bma9XIGth3TKxmrdKyxa1fb3x/4aNTX9GxW8ZH0VyuGtyDuHXklCNiUNCPF+BmpjqzHsGAA=="}]}'
)


def _signer(keystore: KeyStore, algorithm: Algorithm = Algorithm.ECDSA_P256) -> KeyRef:
    try:
        return keystore.active(f"dsse/{algorithm}")
    except UnknownKey:
        return keystore.generate(f"dsse/{algorithm}", algorithm.purpose, algorithm)


def _owned(payload: bytes = PAYLOAD, payload_type: str = TYPE) -> bytes:
    return sign_envelope(payload, payload_type, local_signer(OWNER))


class TestAccepted:
    def test_every_backend_and_algorithm(self, keystore: KeyStore) -> None:
        for algorithm in keystore.capabilities().algorithms & {Algorithm.ECDSA_P256, Algorithm.ED25519}:
            ref = _signer(keystore, algorithm)
            public = keystore.public_key(ref)
            envelope = sign_envelope(PAYLOAD, TYPE, KeyStoreSigner(keystore, ref))
            assert open_envelope(envelope, TYPE, [public]) == Statement(PAYLOAD, public_key_id(public))

    def test_verifies_without_our_code(self, software: KeyStore) -> None:
        """The DSSE protocol by hand: PAE = "DSSEv1" SP len(type) SP type SP len(body) SP body."""
        public = software.public_key(_signer(software))
        assert isinstance(public, ec.EllipticCurvePublicKey)
        envelope = json.loads(sign_envelope(PAYLOAD, TYPE, KeyStoreSigner(software, _signer(software))))
        body = base64.b64decode(envelope["payload"])
        encoded = b"DSSEv1 %d %b %d %b" % (len(TYPE), TYPE.encode(), len(body), body)
        public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), encoded, ec.ECDSA(hashes.SHA256()))
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert envelope["signatures"][0]["keyid"] == "sha256:" + hashlib.sha256(der).hexdigest()

    def test_golden_bytes(self) -> None:
        assert _owned().decode() == GOLDEN
        assert open_envelope(GOLDEN.encode(), TYPE, [OWNER.public_key()]).payload == PAYLOAD

    def test_one_trusted_signature_of_several_is_enough(self, software: KeyStore) -> None:
        envelope = sign_envelope(PAYLOAD, TYPE, KeyStoreSigner(software, _signer(software)), local_signer(OWNER))
        for public in (software.public_key(_signer(software)), OWNER.public_key()):
            assert open_envelope(envelope, TYPE, [public]).signed_by == public_key_id(public)

    def test_layout_of_the_json_does_not_matter(self) -> None:
        spaced = json.dumps(json.loads(_owned()), indent=4).encode()
        assert open_envelope(spaced, TYPE, [OWNER.public_key()]).payload == PAYLOAD


def _edited(edit: Callable[[dict[str, Any]], object]) -> bytes:
    envelope = json.loads(_owned())
    edit(envelope)
    return json.dumps(envelope).encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


BAD_ENVELOPES = {
    "empty": b"",
    "not json": b"{",
    "not utf-8": b"\xff\xfe",
    "a list": b"[]",
    "a number": b"7",
    "deep": b"[" * 100_000,
    "other payload": _edited(lambda e: e.update(payload=_b64(PAYLOAD + b" "))),
    "other type": _edited(lambda e: e.update(payloadType="application/json")),
    "type of another kind": _edited(lambda e: e.update(payloadType=7)),
    "payload not base64": _edited(lambda e: e.update(payload="*")),
    "payload of another kind": _edited(lambda e: e.update(payload=7)),
    "no signatures": _edited(lambda e: e.update(signatures=[])),
    "signatures of another kind": _edited(lambda e: e.update(signatures={"sig": 1})),
    "signature of another kind": _edited(lambda e: e.update(signatures=[7])),
    "empty signature": _edited(lambda e: e["signatures"][0].update(sig="")),
    "truncated signature": _edited(lambda e: e["signatures"][0].update(sig=e["signatures"][0]["sig"][:40])),
    "repeated signature": _edited(lambda e: e.update(signatures=e["signatures"] * 2)),
    "other key id": _edited(lambda e: e["signatures"][0].update(keyid="sha256:00")),
    "key id of another kind": _edited(lambda e: e["signatures"][0].update(keyid=["x"])),
    "member too many": _edited(lambda e: e.update(extra=1)),
    "member of a signature too many": _edited(lambda e: e["signatures"][0].update(extra=1)),
    "member missing": _edited(lambda e: e.pop("payload")),
    "repeated member": _owned()[:-1] + b',"payloadType":"x"}',
    "too large": _owned() + b" " * MAX_ENVELOPE_BYTES,
}


class TestRejected:
    @pytest.mark.parametrize("envelope", BAD_ENVELOPES.values(), ids=BAD_ENVELOPES.keys())
    def test_bad_envelopes(self, envelope: bytes) -> None:
        _rejected(envelope)

    def test_unexpected_type(self) -> None:
        _rejected(_owned(payload_type="application/vnd.secure-ds.other+json"))

    def test_untrusted_and_no_keys(self) -> None:
        for trusted in ([], [Ed25519PrivateKey.generate().public_key()]):
            with pytest.raises(EnvelopeRejected):
                open_envelope(_owned(), TYPE, trusted)

    def test_stranger_under_the_name_of_a_trusted_key(self) -> None:
        forged = json.loads(sign_envelope(PAYLOAD, TYPE, local_signer(Ed25519PrivateKey.generate())))
        forged["signatures"][0]["keyid"] = public_key_id(OWNER.public_key())
        _rejected(json.dumps(forged).encode())


class TestMisuse:
    def test_no_signer(self) -> None:
        with pytest.raises(HsmUsageError, match="signer"):
            sign_envelope(PAYLOAD, TYPE)

    def test_key_that_does_not_sign(self, software: KeyStore) -> None:
        kek = software.generate("dsse/kek", Algorithm.AES256_KW.purpose, Algorithm.AES256_KW)
        with pytest.raises(WrongPurpose):
            KeyStoreSigner(software, kek)

    def test_signer_from_a_uri(self) -> None:
        with pytest.raises(HsmUsageError, match="open key store"):
            KeyStoreSigner.from_priv_key_uri("hsm:", SSlibKey.from_crypto(OWNER.public_key()))


def _rejected(envelope: bytes) -> None:
    with pytest.raises(EnvelopeRejected, match=r"^the envelope is not a statement") as caught:
        open_envelope(envelope, TYPE, [OWNER.public_key()])
    assert caught.value.__cause__ is None
