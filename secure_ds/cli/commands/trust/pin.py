"""`secure-ds trust pin`."""

import click

from secure_ds.cli.commands.trust.show import print_keys
from secure_ds.cli.connection import Session, connected


@click.command()
@click.option("--fingerprint", "expected", help="As the operator told you; nothing is pinned if it differs.")
@click.option("--replace", is_flag=True, help="Pin other keys than before.")
@connected
def pin(session: Session, expected: str | None, replace: bool) -> None:
    """Pin the public keys that a service shows.

    Compare the fingerprint with the operator over another channel: what you encrypt is sealed to these keys, and what
    you verify is verified with them.

    \b
    Example:
      secure-ds trust pin --fingerprint sha256:...
    """
    keys = session.client.public_keys()
    session.trust.pin(session.profile.url, keys, expected=expected, replace=replace)
    print_keys(session.printer, session.profile.url, keys)
