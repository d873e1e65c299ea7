"""Names of key stores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hsm.errors import HsmUsageError
from hsm.uri import SoftwareUri, TokenUri, parse_uri

text = st.text(min_size=1, max_size=40)
maybe = st.none() | text


def test_a_token() -> None:
    uri = parse_uri("pkcs11:token=My%20token;serial=0af3?module-path=/usr/lib/x.so&pin-source=file:/etc/pin")
    assert uri == TokenUri(token="My token", serial="0af3", module_path="/usr/lib/x.so", pin_source="file:/etc/pin")


def test_a_key_file() -> None:
    assert parse_uri("software:/var/keys.sdkf?pin-source=env:PIN") == SoftwareUri("/var/keys.sdkf", "env:PIN")
    assert parse_uri("software:///var/keys.sdkf") == SoftwareUri("/var/keys.sdkf")


@given(token=text, serial=maybe, manufacturer=maybe, model=maybe, module_path=maybe, pin_source=maybe)
def test_tokens_round_trip(**parts: str) -> None:
    assert parse_uri(str(TokenUri(**parts))) == TokenUri(**parts)


@given(path=text.filter(lambda path: not path.startswith("//")), pin_source=maybe)
def test_files_round_trip(path: str, pin_source: str | None) -> None:
    assert parse_uri(str(SoftwareUri(path, pin_source))) == SoftwareUri(path, pin_source)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("", "pkcs11: or a software:"),
        ("file:/keys", "pkcs11: or a software:"),
        ("pkcs11:", "must name a token"),
        ("pkcs11:model=x", "must name a token"),
        ("pkcs11:token", "name=value"),
        ("pkcs11:token=a;token=b", "once"),
        ("pkcs11:tokne=a", "unknown attributes tokne"),
        ("pkcs11:token=a?pin-source=x&modul-path=y", "unknown attributes modul-path"),
        ("pkcs11:token=a?pin-value=1234", "must not hold the PIN"),
        ("software:", "must name a file"),
        ("software:/keys?pin-value=1234", "must not hold the PIN"),
    ],
)
def test_bad_names(bad: str, message: str) -> None:
    with pytest.raises(HsmUsageError, match=message) as caught:
        parse_uri(bad)
    assert "1234" not in str(caught.value)
