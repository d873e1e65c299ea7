"""Key stores for the suites of this room.

SoftHSM reads its configuration once per process, so there is one token for the whole run, and each test takes labels
that no other test takes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hsm.backends.pkcs11_library import Library
from hsm.backends.pkcs11_token import Pkcs11KeyStore
from hsm.backends.software import SoftwareKeyStore
from hsm.interface import KeyStore
from hsm.keys import Algorithm, KeyRef
from hsm.pin import PinFile
from hsm.tokens import EmbeddedToken, initialise_token
from hsm.uri import TokenUri
from tests.simulators.token import SimulatedToken

PIN = "sentinel-pin-4711"
SO_PIN = "sentinel-so-pin-0815"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def pin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pin") / "pin"
    path.touch(mode=0o600)
    path.write_text(PIN + "\n")
    return path


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedToken:
    token = initialise_token(tmp_path_factory.mktemp("softhsm"), "conformance", so_pin=SO_PIN, pin=PIN)
    token.activate()
    return token


@pytest.fixture(scope="module")
def softhsm(embedded: EmbeddedToken, pin_file: Path) -> Iterator[Pkcs11KeyStore]:
    with Pkcs11KeyStore(embedded.uri, PinFile(pin_file)) as store:
        yield store


@pytest.fixture(scope="module")
def software(tmp_path_factory: pytest.TempPathFactory, pin_file: Path) -> Iterator[SoftwareKeyStore]:
    with SoftwareKeyStore(tmp_path_factory.mktemp("software") / "keys.sdkf", PinFile(pin_file)) as store:
        yield store


@pytest.fixture
def simulated() -> SimulatedToken:
    return SimulatedToken(PIN)


@pytest.fixture
def simulated_store(simulated: SimulatedToken, pin_file: Path) -> Iterator[Pkcs11KeyStore]:
    with Pkcs11KeyStore(TokenUri(token="simulated"), PinFile(pin_file), library=Library(simulated)) as store:
        yield store


@pytest.fixture(params=["software", "softhsm", "simulated_store"])
def keystore(request: pytest.FixtureRequest) -> KeyStore:
    """Every backend in turn; whatever a test says of this fixture holds for all of them."""
    store: KeyStore = request.getfixturevalue(request.param)
    return store


@pytest.fixture
def label() -> str:
    """A label that no other test uses."""
    return f"test/key-{next(_numbers)}"


@pytest.fixture
def make(keystore: KeyStore) -> Callable[[Algorithm], KeyRef]:
    """Make a new key of an algorithm, under a new label."""
    return lambda algorithm: keystore.generate(f"test/made-{next(_numbers)}", algorithm.purpose, algorithm)
