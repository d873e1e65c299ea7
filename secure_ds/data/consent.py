"""An owner's consent to a collaboration, given and taken back, signed with the upload key of the data set.

Rules kept here:

1. A consent names data set, descriptor, collaboration and the terms it was given for, all by digest: it is good for
   nothing else.
2. Consents of one data set are numbered by their owner. The highest number holds, so an old consent that somebody kept
   is worth nothing once it was taken back.
"""

from functools import lru_cache
from typing import Annotated, Final, Literal

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from secure_ds.core.digest import digest_bytes
from secure_ds.data import envelope
from secure_ds.data.errors import InvalidConsent

PAYLOAD_TYPE: Final = "application/vnd.secure-ds.consent+json"
RECEIPT_TYPE: Final = "application/vnd.secure-ds.consent-receipt+json"
JOINED: Final = "joined"
WITHDRAWN: Final = "withdrawn"

Verdict = Literal["joined", "withdrawn"]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Consent(BaseModel):
    """One act of an owner.

    Attributes:
        statement_digest: of the collaboration's signed statement, with its members, terms and keys.
        descriptor_digest: of the data set's descriptor.
        verdict: "joined" lets the data set take part from now on, "withdrawn" ends that at the next step.
        number: above that of every earlier consent of the data set, such as the milliseconds of the owner's clock.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["secure-ds/consent/1"] = "secure-ds/consent/1"
    collaboration_id: Annotated[str, Field(pattern=r"^collab_[a-z2-7]{26}$")]
    statement_digest: Digest
    dataset_id: Annotated[str, Field(pattern=r"^ds_[a-z2-7]{26}$")]
    descriptor_digest: Digest
    verdict: Verdict
    number: Annotated[int, Field(ge=1, lt=2**53)]

    @property
    def canonical(self) -> bytes:
        """The canonical JSON bytes (RFC 8785): what is signed."""
        return rfc8785.dumps(self.model_dump(mode="json"))


def receipt_of(consent: Consent) -> bytes:
    """Return what the custodian signs, as `RECEIPT_TYPE`, when it has a consent and acts by it."""
    return rfc8785.dumps(
        {
            "format": "secure-ds/consent-receipt/1",
            "consent": digest_bytes(consent.canonical),
            "dataset_id": consent.dataset_id,
            "collaboration_id": consent.collaboration_id,
            "verdict": consent.verdict,
            "number": consent.number,
        }
    )


def sign_consent(consent: Consent, upload_key: Ed25519PrivateKey) -> bytes:
    """Return the envelope of a consent."""
    return envelope.sign(consent.canonical, upload_key, PAYLOAD_TYPE)


@lru_cache(maxsize=1024)
def open_consent(signed: bytes, upload_key: str) -> Consent:
    """Return the consent in an envelope. A pure function of both, remembered: every answer of a job asks again.

    Args:
        signed: the envelope.
        upload_key: raw Ed25519 public key, hexadecimal, as the data set's descriptor names it.

    Raises:
        InvalidEnvelope: that key did not sign it.
        InvalidConsent: it signed something else than a consent in its one spelling.
    """
    payload = envelope.verify(signed, Ed25519PublicKey.from_public_bytes(bytes.fromhex(upload_key)), PAYLOAD_TYPE)
    try:
        consent = Consent.model_validate_json(payload)
    except ValidationError:
        raise InvalidConsent("the owner signed something that is no consent") from None
    if consent.canonical != payload:
        raise InvalidConsent("a consent must be canonical JSON (RFC 8785)")
    return consent
