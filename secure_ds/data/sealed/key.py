"""The data key of a sealed data set, and what it is bound to each time it is sealed.

Rules kept here:

1. One fresh key of 32 random bytes for each data set; a part is encrypted under a key of its own derived from it
   (HKDF, RFC 5869), so that no AES-GCM key sees more than one file.
2. It travels sealed (HPKE, RFC 9180) and never otherwise: to the custodian's HSM key, bound to data set, schema, unit,
   counts and upload key; and to one trainer's session key, bound to job, plan, fence, data set and that very key.
"""

import os
from typing import Final

import rfc8785
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from secure_ds.data.errors import ContainerRefused
from secure_ds.data.sealed.schema import Schema
from secure_ds.data.sealing import unseal

KEY_BYTES: Final = 32
KEY_PURPOSE: Final = "secure-ds/sealed-data-key/1"
SESSION_PURPOSE: Final = "secure-ds/sealed-data-key-for-trainer/1"


def new_data_key() -> bytes:
    """Return 32 fresh bytes from the operating system."""
    return os.urandom(KEY_BYTES)


def part_key(data_key: bytes, binding: bytes) -> bytes:
    """Return the 32-byte key of one part: HKDF-SHA256 of the data key, with the part's binding as `info`."""
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=binding).derive(data_key)


def data_key_info(dataset_id: str, schema: Schema, n_rows: int, n_units: int, upload_key: str) -> bytes:
    """Return the HPKE `info` of a data set's key; sealer and opener must agree on it.

    Args:
        dataset_id: id of the data set.
        schema: its schema, bound by digest, and its unit once more by name.
        n_rows: rows of all parts.
        n_units: privacy units among them.
        upload_key: raw Ed25519 upload key, hexadecimal.
    """
    return rfc8785.dumps(
        {
            "purpose": KEY_PURPOSE,
            "dataset_id": dataset_id,
            "schema": schema.digest,
            "unit": schema.privacy_unit.model_dump(mode="json"),
            "n_rows": n_rows,
            "n_units": n_units,
            "upload_key": upload_key,
        }
    )


def session_info(job_id: str, plan_digest: str, fence: int, dataset_id: str, session_key: str) -> bytes:
    """Return the HPKE `info` of a data key on its way to one trainer.

    Args:
        job_id: the admitted job.
        plan_digest: of its plan.
        fence: of the lease under which the trainer runs.
        dataset_id: whose key it is.
        session_key: the trainer's public key, an uncompressed P-256 point in hexadecimal.
    """
    return rfc8785.dumps(
        {
            "purpose": SESSION_PURPOSE,
            "job_id": job_id,
            "plan": plan_digest,
            "fence": fence,
            "dataset_id": dataset_id,
            "session_key": session_key,
        }
    )


def session_point(session_key: str) -> ec.EllipticCurvePublicKey:
    """Return the public key that a trainer names.

    Raises:
        ValueError: it is no uncompressed point of P-256 in hexadecimal.
    """
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(session_key))


def open_data_key(sealed: bytes, session_key: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
    """Return a data key that was sealed to a session key: what the trainer calls.

    Raises:
        ContainerRefused: it was sealed to another key, with another `info`, or was changed.
    """
    try:
        data_key = unseal(sealed, session_key, info)
    except (InvalidTag, ValueError):
        raise ContainerRefused from None
    if len(data_key) != KEY_BYTES:
        raise ContainerRefused
    return data_key
