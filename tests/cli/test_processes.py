"""What each process is told: its own settings, and only the custodian the PIN."""

from pathlib import Path

import pytest

from secure_ds.cli.processes import PROCESSES, Supervisor
from secure_ds.core.settings import Settings


@pytest.mark.parametrize("name", PROCESSES)
def test_only_the_custodian_is_told_the_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TOKEN_PIN", "8375-secret")
    uri = "pkcs11:token=ds?module-path=/usr/lib/token.so&pin-source=env:TOKEN_PIN"
    environment = Supervisor(Settings(home=tmp_path, keystore_uri=uri))._environment(name)
    assert ("8375-secret" in environment.values()) == (name == "custodian")
    assert environment["SECURE_DS_HOME"] == str(tmp_path)
    assert "PATH" in environment


def test_without_a_pin_in_the_environment_nothing_is_held_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_PIN", "no pin of this key store")
    for uri in ("", f"software:{tmp_path}/keys.sdkf?pin-source=file:{tmp_path}/pin"):
        environment = Supervisor(Settings(home=tmp_path, keystore_uri=uri))._environment("api")
        assert environment["TOKEN_PIN"] == "no pin of this key store"
