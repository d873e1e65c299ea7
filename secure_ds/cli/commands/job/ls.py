"""`secure-ds job ls`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Columns

COLUMNS: Columns = {
    "id": lambda view: view.id,
    "state": lambda view: view.state,
    "steps": lambda view: f"{view.steps_done}/{view.steps_total}",
    "epsilon": lambda view: view.epsilon,
    "purpose": lambda view: view.purpose,
    "data sets": lambda view: view.dataset_ids,
    "model": lambda view: view.model_id,
}


@click.command()
@click.option("--dataset", "dataset_id", help="Only jobs on this data set.")
@connected
def ls(session: Session, dataset_id: str | None) -> None:
    """List the jobs that you may see.

    \b
    Example:
      secure-ds job ls --dataset ds_...
    """
    session.printer.many(session.client.jobs(dataset_id), COLUMNS)
