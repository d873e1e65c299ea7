"""Sealing a CKKS secret key to the custodian: HPKE (RFC 9180), base mode.

Suite: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, the one an HSM's plain ECDH can open. `info` binds the
sealed key to its data set, its ring and the upload key, so it opens nowhere else. The output is enc (65 bytes), then
ciphertext and tag.
"""

from typing import Final

import rfc8785
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

PURPOSE: Final = "secure-ds/ckks-secret-key/1"
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
        raise ValueError(f"the custodian's sealing key must be on P-256, not {recipient.curve.name}")
    return _SUITE.encrypt(secret, recipient, info=info)
