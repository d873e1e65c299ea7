"""`secure-ds trust show`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Printer
from secure_ds.client.trust import fingerprint
from secure_ds.wire.service import PublicKeys

INSECURE = "INSECURE"  # the name that a key store gives itself when it protects nothing


@click.command()
@connected
def show(session: Session) -> None:
    """Show the pinned keys and their fingerprint.

    \b
    Example:
      secure-ds trust show
    """
    print_keys(session.printer, session.profile.url, session.trust.pinned(session.profile.url))


def print_keys(printer: Printer, url: str, keys: PublicKeys) -> None:
    """Print a service's public keys."""
    if INSECURE in keys.keystore:
        printer.note(
            f"WARNING: this service's keys are in {keys.keystore}, not in an HSM; do not use it for real data."
        )
    printer.one(
        keys,
        {
            "service": url,
            "fingerprint": fingerprint(keys),
            "key store": keys.keystore,
            "sealing key": keys.sealing_key,
            "certificate key": keys.certificate_key.strip(),
            "checkpoint key": keys.checkpoint_key,
        },
    )
