"""`secure-ds keys ls`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Columns

COLUMNS: Columns = {
    "label": lambda view: view.label,
    "version": lambda view: view.version,
    "purpose": lambda view: view.purpose,
    "algorithm": lambda view: view.algorithm,
    "state": lambda view: view.state,
    "id": lambda view: view.key_id,
}


@click.command()
@connected
def ls(session: Session) -> None:
    """List the service's keys.

    \b
    Example:
      secure-ds keys ls
    """
    session.printer.many(session.client.keys(), COLUMNS)
