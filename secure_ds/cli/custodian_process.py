"""What the custodian process runs: the only one that opens the key store, and one without SEAL's parser of files."""

from collections.abc import Callable
from typing import TypeVar

from api.server import CannotStart, serve_unix
from hsm.errors import CapabilityMissing, HsmUsageError, InsecureBackend, PinLocked, PinRejected, PinUnavailable
from secure_ds.core.settings import Settings
from secure_ds.custodian.assembly import build_custodian
from secure_ds.custodian.server import create_server

App = TypeVar("App")
CUSTODIAN_THREADS = 8
NEEDS_A_PERSON = (PinRejected, PinLocked, PinUnavailable, HsmUsageError, InsecureBackend, CapabilityMissing)
"""What a custodian that is started again would only meet again."""


def run_custodian(settings: Settings) -> None:
    """Open the key store and answer on the socket until SIGTERM; the key store is opened after the server's fork."""
    settings.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    build = _needing_a_person(lambda: create_server(build_custodian(settings)))
    serve_unix(build, settings.socket, CUSTODIAN_THREADS)


def _needing_a_person(build: Callable[[], App]) -> Callable[[], App]:
    """Make `build` say in one line what only a person can mend."""

    def build_or_say_why() -> App:
        try:
            return build()
        except NEEDS_A_PERSON as error:
            raise CannotStart(f"the custodian cannot start: {error}") from error

    return build_or_say_why
