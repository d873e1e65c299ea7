"""Which service, as whom: command-line options over `SECURE_DS_` variables over the profile file.

The profile file and a token file hold a secret: they are refused while others may read them. A token is never an
option, because every user of a machine can read its command lines.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secure_ds.client.errors import ClientError

READABLE_BY_OTHERS = 0o077
KEYS = ("url", "token", "trust_file")


class InvalidProfile(ClientError):
    """The profile, or a file it names, cannot be used."""

    code = "invalid_profile"


@dataclass(frozen=True, slots=True)
class Profile:
    """One service and one principal of it."""

    url: str
    token: str | None = field(repr=False)
    trust_file: Path


def load_profile(
    environment: Mapping[str, str],
    *,
    url: str | None = None,
    token_file: Path | None = None,
    trust_file: Path | None = None,
) -> Profile:
    """Return the profile to use.

    Raises:
        InvalidProfile: no address is known, or a file cannot be read, is open to others or has unknown keys.
    """
    directory = config_directory(environment)
    found = _from_file(directory / "client.toml")
    found |= {key: environment[name] for key in KEYS if (name := f"SECURE_DS_{key.upper()}") in environment}
    url = url or found.get("url")
    if not url:
        raise InvalidProfile("which service? set SECURE_DS_URL, or give --url https://ds.example.org")
    token = read_secret(token_file).strip() if token_file else found.get("token")
    return Profile(url.rstrip("/"), token, trust_file or Path(found.get("trust_file") or directory / "trust.json"))


def config_directory(environment: Mapping[str, str]) -> Path:
    """Return where this user's profile, trust file and upload key are."""
    base = environment.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "secure-ds"


def read_secret(path: Path) -> str:
    """Return the text of a file that only its owner may read.

    Raises:
        InvalidProfile: it cannot be read, or others may read it too.
    """
    try:
        with path.open(encoding="utf-8") as secret:
            if os.fstat(secret.fileno()).st_mode & READABLE_BY_OTHERS:
                raise InvalidProfile(f"{path} holds a secret and others may read it; run `chmod 600 {path}`")
            return secret.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidProfile(f"{path} cannot be read ({type(error).__name__})") from None


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        found = tomllib.loads(read_secret(path))
    except tomllib.TOMLDecodeError as error:
        raise InvalidProfile(f"{path} is not TOML: {error}") from None
    if any(key not in KEYS or not isinstance(value, str) for key, value in found.items()):
        raise InvalidProfile(f"{path} may hold the keys {', '.join(KEYS)}, each a text, and nothing else")
    return found
