"""`secure-ds job cancel`."""

import click

from secure_ds.cli.commands.job.show import print_job
from secure_ds.cli.connection import Session, connected


@click.command()
@click.argument("job_id")
@connected
def cancel(session: Session, job_id: str) -> None:
    """Ask a job to stop.

    What it has released stays spent; what it had reserved beyond that returns to the data set's budget.

    \b
    Example:
      secure-ds job cancel job_...
    """
    print_job(session.printer, session.client.cancel_job(job_id))
