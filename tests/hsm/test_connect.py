"""From a name to an open key store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hsm.backends.software import SoftwareKeyStore
from hsm.connect import open_keystore
from hsm.errors import HsmUsageError, InsecureBackend, TokenAbsent
from hsm.interface import Observation
from hsm.pin import PinFile


def test_software_by_uri(tmp_path: Path, pin_file: Path) -> None:
    seen: list[Observation] = []
    uri = f"software:{tmp_path}/keys.sdkf?pin-source=file:{pin_file}"
    with open_keystore(uri, observer=seen.append) as store:
        assert isinstance(store, SoftwareKeyStore)
    assert [one.operation for one in seen] == ["open"]


def test_software_is_refused_in_production(tmp_path: Path, pin_file: Path) -> None:
    with pytest.raises(InsecureBackend, match="PKCS#11"):
        open_keystore(f"software:{tmp_path}/keys.sdkf", pin=PinFile(pin_file), production=True)
    assert list(tmp_path.iterdir()) == []


def test_token_by_uri(pin_file: Path) -> None:
    with pytest.raises(TokenAbsent):
        open_keystore("pkcs11:token=x?module-path=/nowhere.so", pin=PinFile(pin_file))
    with pytest.raises(HsmUsageError, match="module-path"):
        open_keystore("pkcs11:token=x", pin=PinFile(pin_file))


def test_a_pin_source_is_needed(tmp_path: Path) -> None:
    with pytest.raises(HsmUsageError, match="pin-source"):
        open_keystore(f"software:{tmp_path}/keys.sdkf")


def test_clients_load_no_backend() -> None:
    script = (
        "import sys, hsm.connect, hsm.sealing, hsm.dsse, hsm.custody\n"
        "sys.exit(any(name.startswith('hsm.backends') for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
