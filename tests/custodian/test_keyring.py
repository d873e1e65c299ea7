"""Which key is used for what, and what may be said of it."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hsm.errors import CapabilityMissing, TokenLost
from hsm.interface import KeyStore
from hsm.keys import Algorithm, Capabilities, Purpose
from hsm.pin import PinVariable
from secure_ds.custodian.keyring import CERTIFICATES, CHECKPOINTS, GRANTS, SEALING, Keyring
from secure_ds.data.sealing import seal
from tests.installation import ORIGIN, software_keystore
from tests.simulators.keystores import FailingKeyStore


@pytest.fixture
def keystore(tmp_path: Path) -> KeyStore:
    return software_keystore(tmp_path / "keys.sdkf")


def test_keys_are_made_once_with_one_purpose_each(keystore: KeyStore) -> None:
    first, second = Keyring(keystore, ORIGIN), Keyring(keystore, ORIGIN)
    assert first.public_keys() == second.public_keys()
    purposes = {ref.label: ref.purpose for ref in keystore.list()}
    assert purposes == {
        SEALING: Purpose.DERIVE,
        CERTIFICATES: Purpose.SIGN,
        GRANTS: Purpose.SIGN,
        CHECKPOINTS: Purpose.SIGN,
    }


def test_each_tenant_has_its_own_wrapping_key(keystore: KeyStore) -> None:
    keyring = Keyring(keystore, ORIGIN)
    wrapped = {tenant: keyring.wrap_secret(tenant, b"secret", b"context") for tenant in ("clinic", "insurer")}
    labels = {ref.label for ref in keystore.list() if ref.purpose == Purpose.WRAP}
    assert labels == {"wrap/clinic", "wrap/insurer"}
    assert all(keyring.unwrap_secret(blob, b"context") == b"secret" for blob in wrapped.values())


def test_descriptions_hold_no_material(keystore: KeyStore) -> None:
    described = Keyring(keystore, ORIGIN).describe()
    assert {"label", "version", "purpose", "algorithm", "state", "key_id"} == set().union(*described)
    assert all(isinstance(value, (str, int)) and len(str(value)) <= 64 for key in described for value in key.values())


def test_a_token_without_ed25519_signs_checkpoints_with_p256(
    keystore: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = keystore.capabilities()
    poor = Capabilities(offered.description, secure=False, algorithms=offered.algorithms - {Algorithm.ED25519})
    monkeypatch.setattr(keystore, "capabilities", lambda: poor)
    Keyring(keystore, ORIGIN)
    assert keystore.active(CHECKPOINTS).algorithm == Algorithm.ECDSA_P256


def test_a_token_that_lacks_what_is_needed_is_named_at_the_start(
    keystore: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    poor = Capabilities("a poor token", secure=False, algorithms=frozenset({Algorithm.ECDSA_P256}))
    monkeypatch.setattr(keystore, "capabilities", lambda: poor)
    with pytest.raises(CapabilityMissing, match="a poor token"):
        Keyring(keystore, ORIGIN)


def test_the_probe_notices_a_token_that_is_gone(tmp_path: Path, keystore: KeyStore) -> None:
    failing = FailingKeyStore(tmp_path / "failing.sdkf", PinVariable("TEST_KEYSTORE_PIN"))
    keyring = Keyring(failing, ORIGIN)
    keyring.probe()
    failing.present = False
    with pytest.raises(TokenLost):
        keyring.probe()


def test_a_seal_to_an_older_version_of_the_key_still_opens(keystore: KeyStore) -> None:
    keyring = Keyring(keystore, ORIGIN)
    point = base64.b64decode(keyring.public_keys().sealing_key)
    sealed = seal(b"secret", ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point), b"info")
    keystore.rotate(SEALING)
    assert keyring.public_keys().sealing_key != base64.b64encode(point).decode()
    assert keyring.open_sealed(sealed, b"info") == b"secret"
