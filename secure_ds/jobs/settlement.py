"""What the trainer of a sealed job signs when it ends: how many steps it used.

Rules kept here:

1. A statement is bound to job, plan and session, so it settles nothing else.
2. It has one spelling, canonical JSON (RFC 8785): what is signed is what is read.
"""

from typing import Annotated, Literal

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, Field


class Settlement(BaseModel):
    """How much of its plan an ended job used.

    Attributes:
        job_id: the job.
        plan_digest: `sha256:` digest of its plan.
        session_key: the trainer's P-256 session key, an uncompressed point in hexadecimal.
        steps_spent: steps, from the first, whose outcome may have left the trainer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    purpose: Literal["secure-ds/steps-spent/1"] = "secure-ds/steps-spent/1"
    job_id: str
    plan_digest: str
    session_key: str
    steps_spent: Annotated[int, Field(ge=0, lt=2**53)]

    @property
    def statement(self) -> str:
        """The canonical JSON that is signed."""
        return rfc8785.dumps(self.model_dump(mode="json")).decode()

    def sign(self, signing_key: Ed25519PrivateKey) -> str:
        """Return the signature, hexadecimal."""
        return signing_key.sign(self.statement.encode()).hex()


def read_settlement(statement: str) -> Settlement:
    """Return what a statement says; whether it was signed is for `signature_holds` to tell.

    Raises:
        ValueError: it is no settlement in its one spelling.
    """
    settlement = Settlement.model_validate_json(statement)
    if settlement.statement != statement:
        raise ValueError("a settlement must be canonical JSON (RFC 8785)")
    return settlement


def signature_holds(statement: str, signature: str, signing_key: str) -> bool:
    """Tell whether a statement was signed by a raw Ed25519 public key; signature and key are hexadecimal."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(signing_key))
        key.verify(bytes.fromhex(signature), statement.encode())
    except (InvalidSignature, ValueError):
        return False
    return True
