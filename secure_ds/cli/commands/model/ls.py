"""`secure-ds model ls`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Columns

COLUMNS: Columns = {
    "id": lambda view: view.id,
    "algorithm": lambda view: view.algorithm,
    "epsilon": lambda view: view.epsilon,
    "delta": lambda view: view.delta,
    "data set": lambda view: view.dataset_id,
    "created": lambda view: view.created_at,
}


@click.command()
@connected
def ls(session: Session) -> None:
    """List the models that you may see.

    \b
    Example:
      secure-ds model ls
    """
    session.printer.many(session.client.models(), COLUMNS)
