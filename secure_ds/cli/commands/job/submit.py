"""`secure-ds job submit`."""

from typing import Any

import click

from secure_ds.cli.commands.job.show import print_job
from secure_ds.cli.connection import Session, build, connected
from secure_ds.cli.training_options import training_options
from secure_ds.wire.jobs import JobSubmit


@click.command()
@training_options
@click.option("--plan-digest", help="Digest from a quote: refuse if the plan has changed since.")
@click.option("--idempotency-key", help="Repeating a submission with its key returns the same job.")
@connected
def submit(session: Session, idempotency_key: str | None, **training: Any) -> None:
    """Submit a training job.

    \b
    Example:
      secure-ds job submit ds_... --purpose research --epsilon 1
      secure-ds job submit --collaboration collab_... --purpose research --epsilon 1
    """
    view = session.client.submit_job(build(JobSubmit, **training), idempotency_key)
    print_job(session.printer, view)
    session.printer.note(f"Follow it with `secure-ds job watch {view.id}`.")
