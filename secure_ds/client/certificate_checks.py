"""The checks that certificates of every kind have in common: signature, weights, and the entry in the log."""

import json
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import ValidationError

from audit.verify import TrustedKey, verify_entry_proof
from hsm.dsse import open_envelope
from hsm.errors import EnvelopeRejected
from secure_ds.core.digest import digest_bytes
from secure_ds.wire.base import Message
from secure_ds.wire.certificate import PAYLOAD_TYPE, Subject
from secure_ds.wire.service import PublicKeys

Signed = TypeVar("Signed", bound=Message)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str


class Claims(Protocol):
    """What the check of the log reads of a certificate, of whichever kind."""

    @property
    def job_id(self) -> str:
        """The job."""

    @property
    def plan_digest(self) -> str:
        """Digest of its plan."""

    @property
    def audit(self) -> dict[str, Any]:
        """The log's entry about the model, with its proof."""


def agrees(passed: bool) -> str:
    """Say in words whether a check passed."""
    return "agrees" if passed else "DOES NOT agree"


def signed_by_certificate_key(certificate: bytes, keys: PublicKeys, kind: type[Signed]) -> Signed | None:
    """Return what a certificate states, or None where it is of another kind or the pinned key did not sign it."""
    key = load_pem_public_key(keys.certificate_key.encode())
    if not isinstance(key, EllipticCurvePublicKey | Ed25519PublicKey):
        return None
    try:
        return kind.model_validate_json(open_envelope(certificate, PAYLOAD_TYPE, [key]).payload)
    except (EnvelopeRejected, ValidationError):
        return None


def check_weights(subject: Subject, weights: bytes) -> Check:
    """Check that the model file is the one that the certificate is about."""
    found = digest_bytes(weights).removeprefix("sha256:")
    passed = subject.digest.get("sha256") == found
    return Check("weights", passed, f"the model file has SHA-256 {found[:16]}..., {agrees(passed)}")


def check_log(claims: Claims, model_id: str, weights: bytes, keys: PublicKeys) -> Check:
    """Check that the signed log has an entry about this very model."""
    proof = claims.audit
    report = verify_entry_proof(proof, [TrustedKey.parse(keys.checkpoint_key)])
    if not report.ok:
        return Check("audit log", False, report.summary())
    expected = {
        "action": "model:train",
        "job_id": claims.job_id,
        "model_id": model_id,
        "details": {"weights": digest_bytes(weights), "plan": claims.plan_digest},
    }
    entry = json.loads(proof["entry"])
    passed = all(entry.get(name) == value for name, value in expected.items())
    return Check("audit log", passed, f"entry {proof['index']} is in the signed tree and {agrees(passed)}")
