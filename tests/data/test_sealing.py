"""What is sealed opens with the recipient's key and the same context only."""

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from secure_ds.data.sealing import seal, sealing_info

KEY = ec.derive_private_key(7, ec.SECP256R1())
SUITE = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
CONTEXT = ("ds_" + "a" * 26, "sha256:" + "0" * 64, "ab" * 32)


def test_golden_info():
    assert sealing_info(*CONTEXT) == (
        b'{"dataset_id":"ds_aaaaaaaaaaaaaaaaaaaaaaaaaa","parameters":"sha256:' + b"0" * 64 + b'",'
        b'"purpose":"secure-ds/ckks-secret-key/1","upload_key":"' + b"ab" * 32 + b'"}'
    )


def test_round_trip():
    sealed = seal(b"secret", KEY.public_key(), sealing_info(*CONTEXT))
    assert len(sealed) == 65 + 6 + 16
    assert SUITE.decrypt(sealed, KEY, info=sealing_info(*CONTEXT)) == b"secret"
    assert seal(b"secret", KEY.public_key(), sealing_info(*CONTEXT)) != sealed


@pytest.mark.parametrize("index", range(3))
def test_another_context_does_not_open_it(index):
    sealed = seal(b"secret", KEY.public_key(), sealing_info(*CONTEXT))
    other = [*CONTEXT]
    other[index] += "x"
    with pytest.raises(InvalidTag):
        SUITE.decrypt(sealed, KEY, info=sealing_info(*other))


def test_other_curves_are_refused():
    with pytest.raises(ValueError, match="P-256"):
        seal(b"secret", ec.generate_private_key(ec.SECP384R1()).public_key(), b"")
