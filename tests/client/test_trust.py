"""Pinned keys stay what they were until somebody says otherwise."""

from pathlib import Path

import pytest

from secure_ds.client.errors import InvalidTrustFile, UntrustedService
from secure_ds.client.trust import TrustFile, fingerprint
from tests.simulators.services import PUBLIC_KEYS

URL = "https://ds.example.org"
OTHERS = PUBLIC_KEYS.model_copy(update={"sealing_key": "BBBB"})
GOLDEN = """{
  "format": "secure-ds/trust/1",
  "services": {
    "https://ds.example.org": {
      "certificate_key": "-----BEGIN PUBLIC KEY-----",
      "checkpoint_key": "log+0+A",
      "keystore": "simulated",
      "sealing_key": "BAAA"
    }
  }
}
"""


@pytest.fixture
def trust(tmp_path: Path) -> TrustFile:
    return TrustFile(tmp_path / "config" / "trust.json")


def test_pinned_keys_come_back(trust: TrustFile) -> None:
    trust.pin(URL + "/", PUBLIC_KEYS)
    assert trust.pinned(URL) == PUBLIC_KEYS
    assert trust.check(URL, PUBLIC_KEYS) == PUBLIC_KEYS


def test_file_has_the_golden_bytes(trust: TrustFile, tmp_path: Path) -> None:
    trust.pin(URL, PUBLIC_KEYS)
    assert (tmp_path / "config" / "trust.json").read_text() == GOLDEN


def test_each_service_has_its_own_keys(trust: TrustFile) -> None:
    trust.pin(URL, PUBLIC_KEYS)
    trust.pin("https://other.example.org", OTHERS)
    assert trust.pinned(URL) == PUBLIC_KEYS and trust.pinned("https://other.example.org") == OTHERS


def test_unpinned_service_is_not_trusted(trust: TrustFile) -> None:
    with pytest.raises(UntrustedService, match="trust pin"):
        trust.check(URL, PUBLIC_KEYS)


@pytest.mark.parametrize("field", ["sealing_key", "certificate_key", "checkpoint_key", "keystore"])
def test_changed_key_is_named(trust: TrustFile, field: str) -> None:
    trust.pin(URL, PUBLIC_KEYS)
    with pytest.raises(UntrustedService, match=field):
        trust.check(URL, PUBLIC_KEYS.model_copy(update={field: "QQ=="}))


def test_pinning_other_keys_needs_to_be_meant(trust: TrustFile) -> None:
    trust.pin(URL, PUBLIC_KEYS)
    trust.pin(URL, PUBLIC_KEYS)
    with pytest.raises(UntrustedService):
        trust.pin(URL, OTHERS)
    assert trust.pinned(URL) == PUBLIC_KEYS
    trust.pin(URL, OTHERS, replace=True)
    assert trust.pinned(URL) == OTHERS


def test_keys_with_another_fingerprint_are_not_pinned(trust: TrustFile) -> None:
    with pytest.raises(UntrustedService, match="fingerprint"):
        trust.pin(URL, OTHERS, expected=fingerprint(PUBLIC_KEYS))
    assert trust.services() == {}
    trust.pin(URL, PUBLIC_KEYS, expected=fingerprint(PUBLIC_KEYS))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"format":"secure-ds/trust/2","services":{}}', GOLDEN.replace("BAAA", "!"), GOLDEN[:-5]],
)
def test_damaged_file_is_refused(trust: TrustFile, tmp_path: Path, content: str) -> None:
    path = tmp_path / "config" / "trust.json"
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(InvalidTrustFile):
        trust.pinned(URL)


def test_fingerprint_depends_on_every_key() -> None:
    prints = {fingerprint(PUBLIC_KEYS.model_copy(update={name: "QQ=="})) for name in type(PUBLIC_KEYS).model_fields}
    assert len(prints | {fingerprint(PUBLIC_KEYS)}) == 5
