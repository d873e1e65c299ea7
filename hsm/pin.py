"""Where a PIN comes from.

Rules:
- A PIN is read at the moment of login and not kept; a `PinSource` holds its place, never its value.
- `repr` shows the place. A PIN never appears in an argument list, a log or a message.
- A file that others may read is refused.
"""

from __future__ import annotations

import getpass
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hsm.errors import HsmUsageError, PinUnavailable


class PinSource(Protocol):
    """Answers the PIN when asked."""

    def read(self) -> str:
        """The PIN.

        Raises:
            PinUnavailable: it cannot be read, or it is empty.
        """


@dataclass(frozen=True)
class PinFile:
    """The first line of a file that only its owner may read."""

    path: Path

    def read(self) -> str:
        try:
            mode = self.path.stat().st_mode
            text = self.path.read_text(encoding="utf-8")
        except (OSError, UnicodeError) as error:
            raise PinUnavailable(f"the PIN file {self.path} cannot be read ({type(error).__name__})") from None
        if stat.S_IMODE(mode) & 0o077:
            raise PinUnavailable(f"the PIN file {self.path} is open to others; run chmod 600 on it")
        return _not_empty(text.split("\n", 1)[0].strip("\r"), f"the PIN file {self.path}")


@dataclass(frozen=True)
class PinVariable:
    """An environment variable."""

    name: str

    def read(self) -> str:
        return _not_empty(os.environ.get(self.name, ""), f"the environment variable {self.name}")


@dataclass(frozen=True)
class PinPrompt:
    """A person at a terminal."""

    question: str = "PIN of the key store: "
    ask: Callable[[str], str] = getpass.getpass

    def read(self) -> str:
        try:
            return _not_empty(self.ask(self.question), "the prompt")
        except (EOFError, OSError):
            raise PinUnavailable("no terminal to ask for the PIN; name a PIN file or variable instead") from None


def parse_pin_source(text: str) -> PinSource:
    """Read `file:/path`, a bare path, `env:NAME` or `prompt:`.

    Raises:
        HsmUsageError: none of these.
    """
    scheme, colon, rest = text.partition(":")
    if scheme == "env" and rest:
        return PinVariable(rest)
    if scheme == "prompt" and not rest:
        return PinPrompt()
    if scheme == "file" and rest:
        return PinFile(Path(rest.removeprefix("//")))
    if text and not colon:
        return PinFile(Path(text))
    raise HsmUsageError("a PIN source is file:/path, env:NAME or prompt:")


def _not_empty(pin: str, place: str) -> str:
    if not pin:
        raise PinUnavailable(f"{place} holds no PIN")
    return pin
