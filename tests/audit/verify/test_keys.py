"""Keys as the verifier reads them: a key that is not understood to the last character is not trusted."""

import pytest

from audit.verify import InvalidKeyError, TrustedKey
from tests.audit import vectors
from tests.audit.support import ecdsa_signer, ed25519_signer

TEXT = vectors.GO_TEXT.encode()


def test_the_key_of_the_go_reference_verifies_its_note() -> None:
    key = TrustedKey.parse(vectors.GO_KEY + "\n")
    assert (key.name, key.key_id.hex()) == ("PeterNeumann", "c74f20a3")
    private = ed25519_signer(vectors.GO_SEED, "PeterNeumann")
    assert key.holds(TEXT, private.sign(TEXT))
    assert not key.holds(TEXT + b"x", private.sign(TEXT))
    assert not key.holds(TEXT, b"")


def test_ecdsa_keys_verify_too() -> None:
    assert TrustedKey.parse(vectors.REKOR_KEY).key_id.hex() == "c0d23d6a"
    signer = ecdsa_signer()
    key = TrustedKey.parse(str(signer.key))
    assert key.holds(TEXT, signer.sign(TEXT))
    assert not key.holds(TEXT, signer.sign(TEXT + b"x"))
    assert not key.holds(TEXT, b"not der")


@pytest.mark.parametrize("key", [vectors.GO_KEY, vectors.REKOR_KEY])
def test_a_cut_or_changed_key_is_refused(key: str) -> None:
    name, key_id, encoded = key.split("+", 2)
    cut = [key[:at] for at in range(len(key))]
    changed = [f"{name}x+{key_id}+{encoded}", f"{name}+00000000+{encoded}", f"{name}+{key_id.upper()}+{encoded}"]
    if key == vectors.REKOR_KEY:
        changed = changed[1:]  # the id of an ECDSA key does not depend on its name (C2SP signed-note)
    for bad in [*cut, *changed, f"+{key_id}+{encoded}", "", "++"]:
        with pytest.raises(InvalidKeyError):
            TrustedKey.parse(bad)
