"""From the name of a key store to an open one.

Rules:
- The URI alone decides the backend; nothing falls back to another.
- Backends are imported when used: a client that only seals and verifies loads none.
"""

from __future__ import annotations

from pathlib import Path

from hsm.errors import HsmUsageError
from hsm.interface import KeyStore, Observer, ignore_observation
from hsm.pin import PinSource, parse_pin_source
from hsm.uri import TokenUri, parse_uri


def open_keystore(
    uri: str, *, pin: PinSource | None = None, production: bool = False, observer: Observer = ignore_observation
) -> KeyStore:
    """Open the key store that `uri` names.

    Args:
        uri: see `hsm.uri.parse_uri`.
        pin: where the PIN is read; by default where the URI's `pin-source` says.
        production: whether insecure backends are to be refused.
        observer: told about each operation.

    Raises:
        HsmUsageError: bad URI, or no source for the PIN.
        InsecureBackend: the software backend in production.
        HsmUnavailable: the store cannot be opened now; the subclass and message say why.
    """
    place = parse_uri(uri)
    source = pin or _source_of(place.pin_source)
    if isinstance(place, TokenUri):
        from hsm.backends.pkcs11_token import Pkcs11KeyStore

        return Pkcs11KeyStore(place, source, observer=observer)
    from hsm.backends.software import SoftwareKeyStore

    return SoftwareKeyStore(Path(place.path), source, production=production, observer=observer)


def _source_of(named: str | None) -> PinSource:
    if named is None:
        raise HsmUsageError("name where the PIN is read: pin-source=file:/path, env:NAME or prompt: in the URI")
    return parse_pin_source(named)
