"""What the trainer of a sealed job signs when it ends: how many steps it used.

The statement is bound to job, plan, data sets and session, so it settles nothing else.
"""

from collections.abc import Sequence
from typing import Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PURPOSE: Final = "secure-ds/steps-spent/1"


def settlement_bytes(
    job_id: str, plan_digest: str, dataset_ids: Sequence[str], session_key: str, steps_spent: int
) -> bytes:
    """Return the canonical bytes that are signed.

    Args:
        job_id: the job.
        plan_digest: digest of its plan.
        dataset_ids: of the job.
        session_key: the trainer's P-256 session key, an uncompressed point in hexadecimal.
        steps_spent: steps whose outcome may have left the trainer.
    """
    return rfc8785.dumps(
        {
            "purpose": PURPOSE,
            "job_id": job_id,
            "plan": plan_digest,
            "dataset_ids": sorted(dataset_ids),
            "session_key": session_key,
            "steps_spent": steps_spent,
        }
    )


def sign_settlement(statement: bytes, signing_key: Ed25519PrivateKey) -> str:
    """Return the signature, hexadecimal: what the trainer calls."""
    return signing_key.sign(statement).hex()


def settlement_holds(statement: bytes, signature: str, signing_key: str) -> bool:
    """Tell whether a signature of a raw Ed25519 public key (both hexadecimal) is for these bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(signing_key)).verify(bytes.fromhex(signature), statement)
    except (InvalidSignature, ValueError):
        return False
    return True
