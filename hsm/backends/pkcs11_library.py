"""A PKCS#11 library in this process.

Rules:
- It is initialised once per process, after any fork: one initialised before a fork is refused.
- It is opened by one process of the machine at a time. SoftHSM rewrites its token file at every login, and a process
  that starts or logs in meanwhile meets an absent or a broken token (seen with four workers starting together).
- Callers hold `KeyStore._lock`: the binding tells the library that the program has one thread.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11 import exceptions as p11

from hsm.backends.pkcs11_errors import translate
from hsm.errors import ForkedProcess, HsmUsageError, TokenAbsent, TokenBusy
from hsm.uri import TokenUri

OPENING_SECONDS = 30.0
_PAUSE_SECONDS = 0.01

_started_in: dict[str, int] = {}
"""By path: the process that initialised the library."""


class Library:
    """A loaded library.

    Args:
        module: as the binding shows it.
        path: its file, locked while it is being opened; None for one that no other process can open.
    """

    def __init__(self, module: Any, path: str | None = None) -> None:
        self._module, self._path = module, path
        self._depth = 0

    @property
    def name(self) -> str:
        return self._path or repr(self._module)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes that use this class from opening the library meanwhile. Reentrant.

        Raises:
            TokenBusy: another process has held it for 30 seconds.
        """
        outermost = self._depth == 0 and self._path is not None
        self._depth += 1
        try:
            with _locked(str(self._path)) if outermost else nullcontext():
                yield
        finally:
            self._depth -= 1

    def find(self, uri: TokenUri) -> Any:
        """The one token that `uri` names.

        Raises:
            TokenAbsent: none matches, or several do.
        """
        try:
            found = [token for token in self._module.get_tokens() if _matches(token, uri)]
        except p11.PKCS11Error as error:
            raise translate(error) from error
        if len(found) != 1:
            raise TokenAbsent(f"{len(found)} tokens match {uri}; the URI must name exactly one that is present")
        return found[0]

    def restart(self) -> None:
        """Finalise and initialise again. All caches and all sessions of this process end."""
        try:
            self._module.reinitialize()
        except p11.PKCS11Error as error:
            raise translate(error) from error


def load_library(path: str | None) -> Library:
    """Load and initialise the library at `path`, or answer the one already loaded.

    Raises:
        HsmUsageError: no path.
        TokenAbsent: no such library, or it does not start.
        ForkedProcess: this process inherited the library, initialised, from its parent.
    """
    if path is None:
        raise HsmUsageError("the pkcs11: URI must say which library to load: add ?module-path=/path/to/library.so")
    if not Path(path).is_file():
        raise TokenAbsent(f"no PKCS#11 library at {path}; for SoftHSM, apt-get install softhsm2")
    if _started_in.get(path, os.getpid()) != os.getpid():
        raise ForkedProcess("the PKCS#11 library was initialised before a fork; open the key store after it")
    try:
        with _locked(path):
            module = pkcs11.lib(path)
    except (p11.PKCS11Error, RuntimeError, OSError) as error:
        raise TokenAbsent(f"the PKCS#11 library {path} does not start ({type(error).__name__}: {error})") from None
    _started_in[path] = os.getpid()
    return Library(module, path)


def _matches(token: Any, uri: TokenUri) -> bool:
    wanted = [
        (uri.token, token.label),
        (uri.serial, bytes(token.serial).decode("ascii", "replace").strip()),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
    ]
    return all(value is None or value == actual for value, actual in wanted)


@contextmanager
def _locked(path: str) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _wait_for_lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: str) -> None:
    deadline = time.monotonic() + OPENING_SECONDS
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TokenBusy(f"another process has been opening {path} for {OPENING_SECONDS:g} s") from None
            time.sleep(_PAUSE_SECONDS)
