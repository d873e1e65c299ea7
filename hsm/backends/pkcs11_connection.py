"""The one logged-in session of a process with a token, and what keeps it alive.

Rules:
- The library is initialised once per process, after any fork: one initialised before a fork is refused.
- One key store per token and process, one session, open for life: logging out one session logs out all.
- The PIN is read at login and handed to the token, nowhere else. A refused PIN is never sent a second time.
- Callers hold `KeyStore._lock`: the binding tells the library that the program has one thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pkcs11
from pkcs11 import exceptions as p11

from hsm.backends.pkcs11_errors import HANDLE_GONE, SESSION_GONE, translate
from hsm.errors import ForkedProcess, HsmUsageError, PinRejected, TokenAbsent, TokenBusy
from hsm.pin import PinSource
from hsm.uri import TokenUri

T = TypeVar("T")

_loaded_in: dict[str, int] = {}
_held: set[tuple[str, bytes]] = set()


def load_module(path: str | None) -> Any:
    """Load and initialise a PKCS#11 library.

    Raises:
        HsmUsageError: no path.
        TokenAbsent: no such library, or it does not start.
        ForkedProcess: this process inherited the library, initialised, from its parent.
    """
    if path is None:
        raise HsmUsageError("the pkcs11: URI must say which library to load: add ?module-path=/path/to/library.so")
    if not Path(path).is_file():
        raise TokenAbsent(f"no PKCS#11 library at {path}; for SoftHSM, apt-get install softhsm2")
    if _loaded_in.setdefault(path, os.getpid()) != os.getpid():
        raise ForkedProcess("the PKCS#11 library was initialised before a fork; open the key store after it")
    try:
        return pkcs11.lib(path)
    except (p11.PKCS11Error, RuntimeError, OSError) as error:
        del _loaded_in[path]
        raise TokenAbsent(f"the PKCS#11 library {path} does not start ({type(error).__name__}: {error})") from None


class Connection:
    """A logged-in read-write session with one token.

    Args:
        module: the loaded library.
        uri: which token.
        pin: read at each login.

    Raises:
        TokenAbsent, PinRejected, PinLocked, PinUnavailable: the session cannot be opened.
        TokenBusy: this process already has a key store on this token.
    """

    def __init__(self, module: Any, uri: TokenUri, pin: PinSource) -> None:
        self._module, self._uri, self._pin = module, uri, pin
        self._pin_rejected = False
        self._handles: dict[bytes, Any] = {}
        self.token = self._find()
        self._holding = (str(uri.module_path), bytes(self.token.serial))
        if self._holding in _held:
            raise TokenBusy("this process already has this token open; share that key store, or close it")
        self.session = self._login()
        _held.add(self._holding)

    def close(self) -> None:
        """Log out and close the session."""
        _held.discard(self._holding)
        self._handles.clear()
        with suppress(p11.PKCS11Error):
            self.session.close()

    def run(self, operation: Callable[[], T], *, repeatable: bool) -> T:
        """Run `operation`, reopening the session if it was lost; repeat it then only if it is `repeatable`.

        A key handle that went stale gets one second chance too: the handle cache is dropped first.

        Raises:
            TokenLost: the session was lost and the operation is not repeatable, or it was lost again.
            HsmError: every other failure, translated.
        """
        try:
            return operation()
        except SESSION_GONE as error:
            self._reopen()
            if not repeatable:
                raise translate(error) from error
        except HANDLE_GONE as error:
            self._handles.clear()
            if not repeatable:
                raise translate(error) from error
        except p11.PKCS11Error as error:
            raise translate(error) from error
        try:
            return operation()
        except p11.PKCS11Error as error:
            raise translate(error) from error

    def cached(self, key_id: bytes, find: Callable[[], Any]) -> Any:
        """The handle of a key, found once per session: finding by attribute costs 10 ms with 1,000 objects."""
        if key_id not in self._handles:
            self._handles[key_id] = find()
        return self._handles[key_id]

    def forget(self, key_id: bytes) -> None:
        """Drop the cached handle of a key that is gone."""
        self._handles.pop(key_id, None)

    def _find(self) -> Any:
        try:
            found = [token for token in self._module.get_tokens() if _matches(token, self._uri)]
        except p11.PKCS11Error as error:
            raise translate(error) from error
        if len(found) != 1:
            raise TokenAbsent(f"{len(found)} tokens match {self._uri}; the URI must name exactly one that is present")
        return found[0]

    def _login(self) -> Any:
        if self._pin_rejected:
            raise PinRejected("the token refused this PIN before; correct its source and open the key store again")
        try:
            return self.token.open(rw=True, user_pin=self._pin.read())
        except p11.UserAlreadyLoggedIn:
            # Other sessions of this process keep the login alive; a second login is an error, a new session is not.
            return self.token.open(rw=True)
        except p11.PKCS11Error as error:
            ours = translate(error)
            self._pin_rejected = isinstance(ours, PinRejected)
            raise ours from None

    def _reopen(self) -> None:
        self._handles.clear()
        with suppress(p11.PKCS11Error):
            self.session.close()
        self.token = self._find()
        self.session = self._login()


def _matches(token: Any, uri: TokenUri) -> bool:
    wanted = [
        (uri.token, token.label),
        (uri.serial, bytes(token.serial).decode("ascii", "replace").strip()),
        (uri.manufacturer, token.manufacturer_id),
        (uri.model, token.model),
    ]
    return all(value is None or value == actual for value, actual in wanted)
