"""`secure-ds dataset ls`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Columns

COLUMNS: Columns = {
    "id": lambda view: view.id,
    "name": lambda view: view.name,
    "state": lambda view: view.state,
    "records": lambda view: view.n_records,
    "features": lambda view: view.n_features,
    "purposes": lambda view: view.purposes,
}


@click.command()
@connected
def ls(session: Session) -> None:
    """List the data sets that you may see.

    \b
    Example:
      secure-ds dataset ls
    """
    session.printer.many(session.client.datasets(), COLUMNS)
