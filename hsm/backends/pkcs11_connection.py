"""The one logged-in session of a process with a token, and what keeps it alive.

Rules:
- One key store per token and process, one session, open for life: logging out one session logs out all.
- The PIN is read at login and handed to the token, nowhere else. A refused PIN is never sent a second time.
- Callers hold `KeyStore._lock`: the binding tells the library that the program has one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from pkcs11 import exceptions as p11

from hsm.backends.pkcs11_errors import HANDLE_GONE, SESSION_GONE, translate
from hsm.backends.pkcs11_library import Library
from hsm.errors import PinRejected, TokenBusy
from hsm.pin import PinSource
from hsm.uri import TokenUri

T = TypeVar("T")

_held: set[tuple[str, bytes]] = set()
"""The (library, serial) of every token that this process has open."""


class Connection:
    """A logged-in read-write session with one token.

    Args:
        library: the loaded library.
        uri: which token.
        pin: read at each login.

    Raises:
        TokenAbsent, PinRejected, PinLocked, PinUnavailable: the session cannot be opened.
        TokenBusy: this process already has a key store on this token.
    """

    def __init__(self, library: Library, uri: TokenUri, pin: PinSource) -> None:
        self.library, self._uri, self._pin = library, uri, pin
        self._pin_rejected = False
        self._handles: dict[bytes, Any] = {}
        with library.alone():
            self.token = library.find(uri)
            self._holding = (library.name, bytes(self.token.serial))
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

    def renew(self) -> None:
        """Start the library again and log in again: nothing is cached then. The PIN is read again.

        Other tokens of this library lose their sessions too; their next operation reopens them.
        """
        self._handles.clear()
        with self.library.alone():
            self.library.restart()
            self._open()

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

    def _reopen(self) -> None:
        self._handles.clear()
        with suppress(p11.PKCS11Error):
            self.session.close()
        with self.library.alone():
            self._open()

    def _open(self) -> None:
        self.token = self.library.find(self._uri)
        self.session = self._login()

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
