"""`secure-ds job show`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Printer
from secure_ds.wire.jobs import JobView


@click.command()
@click.argument("job_id")
@connected
def show(session: Session, job_id: str) -> None:
    """Show a job.

    \b
    Example:
      secure-ds job show job_...
    """
    print_job(session.printer, session.client.job(job_id))


def print_job(printer: Printer, view: JobView) -> None:
    """Print a job."""
    printer.one(
        view,
        {
            "id": view.id,
            "state": view.state + (" (asked to stop)" if view.cancel_requested else ""),
            "failure": view.failure,
            "collaboration": view.collaboration_id,
            "data set" if len(view.dataset_ids) == 1 else "data sets": view.dataset_ids,
            "purpose": view.purpose,
            "privacy": f"epsilon {view.epsilon:.6g}, delta {view.delta:.6g}",
            "steps": f"{view.steps_done} of {view.steps_total}",
            "model": view.model_id,
            "submitted": f"{view.submitted_at} by {view.submitter}",
            "finished": view.finished_at,
            "plan": view.plan_digest,
        },
    )
