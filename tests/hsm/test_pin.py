"""PINs: read from where they lie, kept nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from hsm.errors import HsmUsageError, PinUnavailable
from hsm.pin import PinFile, PinPrompt, PinSource, PinVariable, parse_pin_source

SENTINEL = "sentinel-1234"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pin"
    path.touch(mode=0o600)
    path.write_text(SENTINEL + "\r\nsecond line\n")
    return path


def test_sources(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_PIN", SENTINEL)
    sources: list[PinSource] = [PinFile(file), PinVariable("A_PIN"), PinPrompt(ask=lambda question: SENTINEL)]
    for source in sources:
        assert source.read() == SENTINEL
        assert SENTINEL not in repr(source) + str(vars(source))


def test_file_open_to_others(file: Path) -> None:
    file.chmod(0o640)
    with pytest.raises(PinUnavailable, match="chmod 600"):
        PinFile(file).read()


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PinUnavailable, match="FileNotFoundError"):
        PinFile(tmp_path / "none").read()


def test_empty_sources(file: Path) -> None:
    file.write_text("\n")
    for source in (PinFile(file), PinVariable("NO_SUCH_VARIABLE"), PinPrompt(ask=lambda question: "")):
        with pytest.raises(PinUnavailable, match="holds no PIN"):
            source.read()


def test_no_terminal() -> None:
    def ask(question: str) -> str:
        raise EOFError

    with pytest.raises(PinUnavailable, match="no terminal"):
        PinPrompt(ask=ask).read()


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("file:/etc/pin", PinFile(Path("/etc/pin"))),
        ("file:///etc/pin", PinFile(Path("/etc/pin"))),
        ("/etc/pin", PinFile(Path("/etc/pin"))),
        ("env:A_PIN", PinVariable("A_PIN")),
        ("prompt:", PinPrompt()),
    ],
)
def test_parse(text: str, source: PinSource) -> None:
    assert parse_pin_source(text) == source


@pytest.mark.parametrize("bad", ["", "env:", "file:", "prompt:x", "pass:1234", "1:2"])
def test_parse_refuses(bad: str) -> None:
    with pytest.raises(HsmUsageError, match="a PIN source is"):
        parse_pin_source(bad)
