"""`secure-ds collaboration ls`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Columns

COLUMNS: Columns = {
    "id": lambda view: view.id,
    "name": lambda view: view.name,
    "members": lambda view: view.members,
    "purposes": lambda view: view.purposes,
    "data sets": lambda view: sum(each.consent == "joined" for each in view.data_sets),
}


@click.command()
@connected
def ls(session: Session) -> None:
    """List the collaborations of your tenant.

    \b
    Example:
      secure-ds collaboration ls
    """
    session.printer.many(session.client.collaborations(), COLUMNS)
