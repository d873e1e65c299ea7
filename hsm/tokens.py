"""A SoftHSM token of one's own, for the embedded default and for tests.

Rules:
- The token lives in one folder with its own configuration; SoftHSM of the rest of the machine is not touched.
- The folder is for its owner only. PINs pass through a pipe, never through arguments.
- Where SoftHSM is missing, the error says what to install; nothing falls back in silence.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hsm.backends import softhsm_init
from hsm.errors import HsmUsageError, TokenAbsent
from hsm.uri import TokenUri

LIBRARY_PLACES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
    Path("/opt/homebrew/lib/softhsm/libsofthsm2.so"),
)
CONFIGURATION_VARIABLE = "SOFTHSM2_CONF"
PIN_LENGTHS = range(4, 256)
_INIT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class EmbeddedToken:
    """An initialised token in a folder."""

    configuration: Path
    uri: TokenUri

    def activate(self) -> None:
        """Point this process at the token's configuration. Call before the key store is opened."""
        os.environ[CONFIGURATION_VARIABLE] = str(self.configuration)


def find_softhsm(places: Iterable[Path] = LIBRARY_PLACES) -> Path:
    """The SoftHSM library of this machine.

    Raises:
        TokenAbsent: not installed; the message says how to.
    """
    for place in places:
        if place.is_file():
            return place
    raise TokenAbsent("SoftHSM is not installed; run: apt-get install softhsm2")


def embedded_token(folder: Path, label: str, library: Path) -> EmbeddedToken:
    """Describe the token `label` in `folder`, whether or not it was initialised."""
    return EmbeddedToken(folder / "softhsm2.conf", TokenUri(token=label, module_path=str(library)))


def initialise_token(folder: Path, label: str, *, so_pin: str, pin: str, library: Path | None = None) -> EmbeddedToken:
    """Make a new token in `folder`, which is created if need be.

    Args:
        label: name of the token, 1 to 32 bytes.
        so_pin: PIN of the security officer, who can only reset the user's PIN; 4 to 255 bytes.
        pin: PIN of the user, who uses the keys; 4 to 255 bytes.

    Raises:
        HsmUsageError: bad label or PIN, or the folder already holds a token.
        TokenAbsent: SoftHSM is not installed, or refuses.
    """
    _check(label, so_pin, pin)
    token = embedded_token(folder, label, library or find_softhsm())
    if token.configuration.exists():
        raise HsmUsageError(f"{folder} already holds a token; take another folder or use that token")
    _write_configuration(folder, token.configuration)
    try:
        _run_init(token, so_pin, pin)
    except BaseException:
        token.configuration.unlink()
        raise
    return token


def _check(label: str, so_pin: str, pin: str) -> None:
    if not 1 <= len(label.encode()) <= softhsm_init.LABEL_BYTES:
        raise HsmUsageError("a token label has 1 to 32 bytes")
    for secret in (so_pin, pin):
        if len(secret.encode()) not in PIN_LENGTHS or "\n" in secret:
            raise HsmUsageError("a PIN has 4 to 255 bytes and no line break")


def _write_configuration(folder: Path, configuration: Path) -> None:
    tokens = folder / "tokens"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    tokens.mkdir(mode=0o700, exist_ok=True)
    configuration.write_text(
        f"directories.tokendir = {tokens.resolve()}\n"
        "objectstore.backend = file\n"
        "log.level = ERROR\n"
        "slots.removable = false\n",
        encoding="utf-8",
    )
    configuration.chmod(0o600)


def _run_init(token: EmbeddedToken, so_pin: str, pin: str) -> None:
    command = [sys.executable, "-I", softhsm_init.__file__, str(token.uri.module_path), str(token.uri.token)]
    done = subprocess.run(  # noqa: S603 - our interpreter, our script, no shell
        command,
        input=f"{so_pin}\n{pin}\n".encode(),
        env={**os.environ, CONFIGURATION_VARIABLE: str(token.configuration)},
        capture_output=True,
        timeout=_INIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise TokenAbsent(f"SoftHSM could not make the token: {' '.join(reason)}")
