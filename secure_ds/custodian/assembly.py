"""The composition root of the custodian's process, and the making of an embedded key store.

The PIN of an embedded key store is 24 random bytes in a file that only this user can read; it is never in an argument,
a log or the configuration. Where SoftHSM is missing, the software key store takes its place and says that it is
insecure.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

from hsm.connect import open_keystore
from hsm.errors import TokenAbsent
from hsm.tokens import embedded_token, find_softhsm, initialise_token
from hsm.uri import SoftwareUri, TokenUri, parse_uri
from policies import PolicyEngine, shipped_directory
from secure_ds.assembly import open_store
from secure_ds.core.clock import SystemClock
from secure_ds.core.settings import Settings
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.journal import Journal
from secure_ds.custodian.keyring import Keyring
from secure_ds.privacy.discrete_gaussian import SystemRandomBits

TOKEN_LABEL = "secure-ds"  # noqa: S105  the token's name
INSECURE = (
    "WARNING: SoftHSM is not installed, so keys are kept by the SOFTWARE KEY STORE in a file beside the data. It is "
    "for trying things out only and refuses production. To use a token: apt-get install softhsm2, and make a new "
    "instance."
)


@dataclass(frozen=True, slots=True)
class EmbeddedKeyStore:
    """A key store made for one instance: its URI, and a warning where it is insecure."""

    uri: str
    warning: str | None


def make_embedded_keystore(custody: Path) -> EmbeddedKeyStore:
    """Make a key store in the custodian's directory: a SoftHSM token where that is installed."""
    custody.mkdir(mode=0o700, parents=True, exist_ok=True)
    pin_file = custody / "pin"
    pin = secrets.token_urlsafe(24)
    _write_private(pin_file, pin)
    source = f"file:{pin_file}"
    try:
        token = initialise_token(custody / "token", TOKEN_LABEL, so_pin=secrets.token_urlsafe(24), pin=pin)
    except TokenAbsent:
        return EmbeddedKeyStore(str(SoftwareUri(str(custody / "keys.sdkf"), source)), INSECURE)
    uri = TokenUri(token=token.uri.token, module_path=token.uri.module_path, pin_source=source)
    return EmbeddedKeyStore(str(uri), None)


def build_custodian(settings: Settings) -> CustodianContext:
    """Open the key store and put the custodian's parts together. Build it after any fork.

    Raises:
        JournalBusy: another custodian of this instance is running.
        HsmUnavailable: the key store cannot be opened now; the message says what to do.
        HsmUsageError, InsecureBackend: it cannot be used as configured.
    """
    _activate_embedded_token(settings)
    keystore = open_keystore(settings.keystore_uri, production=settings.production)
    return CustodianContext(
        journal=Journal.open_alone(settings.custody / "journal.db"),
        keyring=Keyring(keystore, settings.origin),
        store=open_store(settings),
        policy=PolicyEngine.load(shipped_directory()),
        noise=SystemRandomBits(),
        clock=SystemClock(),
        origin=settings.origin,
        evaluators=settings.allowed_evaluators,
    )


def _activate_embedded_token(settings: Settings) -> None:
    folder = settings.custody / "token"
    if folder.is_dir() and isinstance(parse_uri(settings.keystore_uri), TokenUri):
        embedded_token(folder, TOKEN_LABEL, find_softhsm()).activate()


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(text + "\n")
