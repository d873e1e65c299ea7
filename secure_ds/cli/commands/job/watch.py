"""`secure-ds job watch`."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from secure_ds.cli.commands.job.show import print_job
from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import console
from secure_ds.client.errors import ClientError
from secure_ds.jobs.lifecycle import JobState
from secure_ds.wire.jobs import JobEvent, JobView


class JobNotSucceeded(ClientError):
    """The job that was followed is over, without a model."""

    code = "job_not_succeeded"


@click.command()
@click.argument("job_id")
@connected
def watch(session: Session, job_id: str) -> None:
    """Follow a job until it is over.

    Survives lost connections and restarts of the service. Exit code 0 means that there is a model. With --json, prints
    one event a line as it comes.

    \b
    Example:
      secure-ds job watch job_...
    """
    job = session.client.job(job_id)
    events = session.client.watch_job(job_id)
    if session.printer.as_json:
        for event in events:
            session.printer.json_line(event)
    else:
        follow(job, events)
    job = session.client.job(job_id)
    if not session.printer.as_json:
        print_job(session.printer, job)
    if job.state != JobState.SUCCEEDED:
        raise JobNotSucceeded(f"the job {job.state}" + (f": {job.failure}" if job.failure else ""))


class _Display(Protocol):
    def show(self, event: JobEvent) -> None: ...


def follow(job: JobView, events: Iterable[JobEvent]) -> None:
    """Show a job's progress on stderr: a live bar on a terminal, a line for each event elsewhere."""
    with _display(job) as display:
        for event in events:
            display.show(event)


@contextmanager
def _display(job: JobView) -> Iterator[_Display]:
    screen = console(sys.stderr)
    if not screen.is_terminal:
        yield _Lines(job)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
    with Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=screen) as progress:
        yield _Bar(progress, job)


class _Bar:
    def __init__(self, progress: Progress, job: JobView) -> None:
        self._progress = progress
        self._task = progress.add_task(job.state, total=job.steps_total)

    def show(self, event: JobEvent) -> None:
        changes: dict[str, Any] = {"completed": event.data["step"]} if event.event == "step" else {}
        self._progress.update(self._task, description="running" if changes else event.event, **changes)


class _Lines:
    def __init__(self, job: JobView) -> None:
        self._total = job.steps_total

    def show(self, event: JobEvent) -> None:
        text = f"step {event.data['step']} of {self._total}" if event.event == "step" else event.event
        click.echo(text, err=True)
