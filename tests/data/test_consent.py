"""A consent is its owner's, about one thing, in one spelling."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from secure_ds.data import envelope
from secure_ds.data.consent import PAYLOAD_TYPE, RECEIPT_TYPE, Consent, open_consent, receipt_of, sign_consent
from secure_ds.data.errors import InvalidConsent, InvalidEnvelope
from tests.data.descriptors import digest

OWNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NAME = OWNER.public_key().public_bytes_raw().hex()
CONSENT = Consent(
    collaboration_id="collab_" + "a" * 26,
    statement_digest=digest("statement"),
    dataset_id="ds_" + "a" * 26,
    descriptor_digest=digest("descriptor"),
    verdict="joined",
    number=1,
)


@given(st.integers(1, 2**53 - 1), st.sampled_from(["joined", "withdrawn"]))
def test_round_trip(number: int, verdict: str) -> None:
    consent = Consent.model_validate(CONSENT.model_dump() | {"number": number, "verdict": verdict})
    assert open_consent(sign_consent(consent, OWNER), NAME) == consent


@pytest.mark.parametrize(
    "field", [{"number": 0}, {"number": 2**53}, {"verdict": "perhaps"}, {"dataset_id": "ds"}], ids=str
)
def test_what_cannot_be_is_refused(field: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Consent.model_validate(CONSENT.model_dump() | field)


def test_only_the_owners_key_signs_it() -> None:
    forged = sign_consent(CONSENT, Ed25519PrivateKey.generate())
    with pytest.raises(InvalidEnvelope):
        open_consent(forged, NAME)


def test_a_signature_over_another_kind_of_document_does_not_pass() -> None:
    """The owner's descriptors are signed with the same key."""
    for kind in (envelope.PAYLOAD_TYPE, RECEIPT_TYPE):
        with pytest.raises(InvalidEnvelope):
            open_consent(envelope.sign(CONSENT.canonical, OWNER, kind), NAME)
    with pytest.raises(InvalidEnvelope):
        envelope.verify(sign_consent(CONSENT, OWNER), OWNER.public_key())


def test_another_spelling_or_another_document_is_refused() -> None:
    spaced = json.dumps(CONSENT.model_dump(), indent=1).encode()
    for payload in (spaced, b"{}", b"null"):
        with pytest.raises(InvalidConsent):
            open_consent(envelope.sign(payload, OWNER, PAYLOAD_TYPE), NAME)


def test_receipts_differ_where_consents_do() -> None:
    changed = [{"number": 2}, {"verdict": "withdrawn"}, {"statement_digest": digest("other")}]
    others = [Consent.model_validate(CONSENT.model_dump() | fields) for fields in changed]
    assert len({receipt_of(consent) for consent in (CONSENT, *others)}) == 4
