"""Making a SoftHSM token of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from hsm.errors import HsmUsageError, TokenAbsent
from hsm.tokens import EmbeddedToken, embedded_token, find_softhsm, initialise_token
from tests.hsm.conftest import PIN, SO_PIN


def test_folder_is_private(embedded: EmbeddedToken) -> None:
    folder = embedded.configuration.parent
    assert embedded.configuration.stat().st_mode & 0o077 == 0
    assert (folder / "tokens").stat().st_mode & 0o077 == 0
    assert embedded == embedded_token(folder, "conformance", find_softhsm())


def test_no_second_token_in_a_folder(embedded: EmbeddedToken) -> None:
    with pytest.raises(HsmUsageError, match="already holds a token"):
        initialise_token(embedded.configuration.parent, "another", so_pin=SO_PIN, pin=PIN)


def test_missing_library_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(TokenAbsent, match="apt-get install softhsm2"):
        find_softhsm([tmp_path / "libsofthsm2.so"])


def test_failure_leaves_nothing_that_looks_like_a_token(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_text("not a library")
    for _ in range(2):
        with pytest.raises(TokenAbsent, match="could not make the token") as caught:
            initialise_token(tmp_path / "hsm", "t", so_pin=SO_PIN, pin=PIN, library=tmp_path / "lib.so")
        assert PIN not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "so_pin", "pin"),
    [
        ("", SO_PIN, PIN),
        ("x" * 33, SO_PIN, PIN),
        ("ok", "123", PIN),
        ("ok", SO_PIN, "12\n34"),
        ("ok", SO_PIN, "x" * 256),
    ],
)
def test_bad_arguments(tmp_path: Path, label: str, so_pin: str, pin: str) -> None:
    with pytest.raises(HsmUsageError):
        initialise_token(tmp_path / "hsm", label, so_pin=so_pin, pin=pin)
    assert not (tmp_path / "hsm").exists()
