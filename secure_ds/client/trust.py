"""The trust file: the public keys of services, pinned when they were first met and compared ever after.

What seals a data set's secret key and what verifies certificates and checkpoints comes from this file, never from the
service as it answers today. Nothing is pinned in silence: `pin` is called for a command of the user's, who compares the
fingerprint with the operator over another channel.
"""

import json
import os
from pathlib import Path
from typing import Final

import rfc8785
from pydantic import ValidationError

from secure_ds.client.errors import InvalidTrustFile, UntrustedService
from secure_ds.core.digest import digest_bytes
from secure_ds.wire.service import PublicKeys

FORMAT: Final = "secure-ds/trust/1"


class TrustFile:
    """A file of pinned keys, one set for each service's address."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pinned(self, url: str) -> PublicKeys:
        """Return the keys pinned for a service.

        Raises:
            UntrustedService: none are.
            InvalidTrustFile: the file cannot be read.
        """
        services = self.services()
        if _key(url) not in services:
            raise UntrustedService(
                f"no keys are pinned for {url}; run `secure-ds trust pin` and compare the fingerprint"
            )
        return services[_key(url)]

    def check(self, url: str, seen: PublicKeys) -> PublicKeys:
        """Return the pinned keys, which are those that the service shows now.

        Raises:
            UntrustedService: they differ, or none are pinned.
        """
        pinned = self.pinned(url)
        differing = [name for name in PublicKeys.model_fields if getattr(pinned, name) != getattr(seen, name)]
        if differing:
            raise UntrustedService(
                f"{url} shows another {' and '.join(differing)} than was pinned (now {fingerprint(seen)}); if the "
                "operator confirms the change, pin again with `secure-ds trust pin --replace`"
            )
        return pinned

    def pin(self, url: str, keys: PublicKeys, *, expected: str | None = None, replace: bool = False) -> None:
        """Pin a service's keys.

        Args:
            url: address of the service.
            keys: as it shows them.
            expected: their fingerprint as the operator told it.
            replace: pin them in place of others.

        Raises:
            UntrustedService: the fingerprint is another, or others are pinned already and `replace` is not set.
        """
        if expected not in (None, fingerprint(keys)):
            raise UntrustedService(f"the keys of {url} have the fingerprint {fingerprint(keys)}, not {expected}")
        services = self.services()
        if not replace and services.get(_key(url), keys) != keys:
            self.check(url, keys)
        services[_key(url)] = keys
        document = {"format": FORMAT, "services": {name: pinned.model_dump() for name, pinned in services.items()}}
        self._write(json.dumps(document, indent=2, sort_keys=True) + "\n")

    def services(self) -> dict[str, PublicKeys]:
        """Return all pinned keys by address; none where there is no file yet.

        Raises:
            InvalidTrustFile: the file is damaged or of another version.
        """
        if not self._path.exists():
            return {}
        try:
            document = json.loads(self._path.read_bytes())
            if document["format"] != FORMAT:
                raise InvalidTrustFile(f"{self._path} is not a trust file of format {FORMAT}")
            return {name: PublicKeys.model_validate(keys) for name, keys in document["services"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
            raise InvalidTrustFile(f"{self._path} cannot be read as a trust file ({type(error).__name__})") from None

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial")
        partial.write_text(text)
        os.replace(partial, self._path)


def fingerprint(keys: PublicKeys) -> str:
    """Return what two people compare over the telephone: the digest of the keys' canonical JSON."""
    return digest_bytes(rfc8785.dumps(keys.model_dump()))


def _key(url: str) -> str:
    return url.rstrip("/")
