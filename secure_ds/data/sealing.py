"""Sealing a CKKS secret key to the custodian, and results without noise to an owner: HPKE (RFC 9180), base mode.

Suite: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, the one an HSM's plain ECDH can open. `info` binds the
sealed key to its data set, its ring and the upload key, so it opens nowhere else, and results to their job. The output
is enc (65 bytes), then ciphertext and tag.
"""

from typing import Final

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

PURPOSE: Final = "secure-ds/ckks-secret-key/1"
RESULTS_PURPOSE: Final = "secure-ds/results-without-noise/1"
_SUITE: Final = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def sealing_info(dataset_id: str, parameters_digest: str, upload_key: str) -> bytes:
    """Return the HPKE `info` of one data set's secret key; sealer and opener must agree on it.

    Args:
        dataset_id: id of the data set.
        parameters_digest: `sha256:` digest of its CKKS parameters.
        upload_key: raw Ed25519 upload key, hexadecimal.
    """
    return rfc8785.dumps(
        {"purpose": PURPOSE, "dataset_id": dataset_id, "parameters": parameters_digest, "upload_key": upload_key}
    )


def seal(secret: bytes, recipient: ec.EllipticCurvePublicKey, info: bytes) -> bytes:
    """Return `secret` sealed to a P-256 public key, to be opened only with the same `info`.

    Raises:
        ValueError: the recipient's key is on another curve.
    """
    if not isinstance(recipient.curve, ec.SECP256R1):
        raise ValueError(f"a sealing key must be on P-256, not {recipient.curve.name}")
    return _SUITE.encrypt(secret, recipient, info=info)


def results_info(job_id: str, plan_digest: str) -> bytes:
    """Return the HPKE `info` of one job's results; sealer and opener must agree on it."""
    return rfc8785.dumps({"purpose": RESULTS_PURPOSE, "job_id": job_id, "plan": plan_digest})


def results_point(key: str) -> ec.EllipticCurvePublicKey:
    """Return the public key that a descriptor names for results.

    Raises:
        ValueError: it is no point of P-256.
    """
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex(key))
    except ValueError:
        raise ValueError("results_key must be an uncompressed point of P-256 in hexadecimal") from None


def unseal(sealed: bytes, key: ec.EllipticCurvePrivateKey, info: bytes) -> bytes:
    """Return what was sealed to a key with the same `info`.

    Raises:
        InvalidTag, ValueError: it was not, or was changed.
    """
    return _SUITE.decrypt(sealed, key, info=info)
