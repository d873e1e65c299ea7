"""Names of key stores: PKCS#11 URIs (RFC 7512) and `software:` URIs.

Rules:
- A URI names a store and where its PIN is read from; it never holds the PIN (`pin-value` is refused).
- Unknown attributes are refused rather than ignored: a misspelt one must not select another token.
- What is parsed prints back to an equivalent URI.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from hsm.errors import HsmUsageError

_SAFE = "/:-._~"  # of the characters that RFC 7512 leaves unescaped, the ones common in names and paths


@dataclass(frozen=True, slots=True)
class TokenUri:
    """A PKCS#11 token. Attributes that are None match any token."""

    token: str | None = None
    serial: str | None = None
    manufacturer: str | None = None
    model: str | None = None
    module_path: str | None = None
    """Path of the PKCS#11 library."""
    pin_source: str | None = None
    """As read by `hsm.pin.parse_pin_source`."""

    def __str__(self) -> str:
        path = [f"{name}={_escape(value)}" for name, value in self._path() if value is not None]
        query = [("module-path", self.module_path), ("pin-source", self.pin_source)]
        return "pkcs11:" + ";".join(path) + _query(query)

    def _path(self) -> list[tuple[str, str | None]]:
        return [
            ("token", self.token),
            ("manufacturer", self.manufacturer),
            ("serial", self.serial),
            ("model", self.model),
        ]


@dataclass(frozen=True, slots=True)
class SoftwareUri:
    """A key file of the software backend."""

    path: str
    pin_source: str | None = None

    def __str__(self) -> str:
        return "software:" + _escape(self.path) + _query([("pin-source", self.pin_source)])


def parse_uri(text: str) -> TokenUri | SoftwareUri:
    """Read the name of a key store.

    Examples:
        `pkcs11:token=secure-ds?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/secure-ds/pin`
        `software:/var/lib/secure-ds/keys.sdkf?pin-source=env:SECURE_DS_PIN`

    Raises:
        HsmUsageError: another scheme, an unknown or repeated attribute, a PIN in the URI, or no token named.
    """
    scheme, _, rest = text.partition(":")
    path, _, query = rest.partition("?")
    if scheme == "pkcs11":
        return _token_uri(_attributes(path, ";"), _attributes(query, "&"))
    if scheme == "software":
        return _software_uri(unquote(path), _attributes(query, "&"))
    raise HsmUsageError("a key store is named by a pkcs11: or a software: URI")


def _token_uri(path: dict[str, str], query: dict[str, str]) -> TokenUri:
    _refuse_unknown(path, {"token", "serial", "manufacturer", "model"})
    _refuse_unknown(query, {"module-path", "pin-source"})
    if "token" not in path and "serial" not in path:
        raise HsmUsageError("a pkcs11: URI must name a token or a serial")
    return TokenUri(module_path=query.get("module-path"), pin_source=query.get("pin-source"), **path)


def _software_uri(path: str, query: dict[str, str]) -> SoftwareUri:
    _refuse_unknown(query, {"pin-source"})
    if not path:
        raise HsmUsageError("a software: URI must name a file")
    return SoftwareUri(path.removeprefix("//"), query.get("pin-source"))


def _attributes(text: str, separator: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in filter(None, text.split(separator)):
        name, equals, value = part.partition("=")
        if not equals or name in found:
            raise HsmUsageError("each attribute of a key store URI is name=value, once")
        found[name] = unquote(value)
    return found


def _refuse_unknown(found: dict[str, str], known: set[str]) -> None:
    if "pin-value" in found:
        raise HsmUsageError("a URI ends up in logs, so it must not hold the PIN; use pin-source")
    unknown = sorted(set(found) - known)
    if unknown:
        raise HsmUsageError(f"unknown attributes {', '.join(unknown)}; known here: {', '.join(sorted(known))}")


def _escape(value: str) -> str:
    return quote(value, safe=_SAFE)


def _query(pairs: list[tuple[str, str | None]]) -> str:
    parts = [f"{name}={_escape(value)}" for name, value in pairs if value is not None]
    return "?" + "&".join(parts) if parts else ""
