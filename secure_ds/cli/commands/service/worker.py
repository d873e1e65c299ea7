"""`secure-ds worker`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.worker_process import run_worker
from secure_ds.core.logs import configure_logs


@click.command()
@home
def worker(home: Path) -> None:
    """Run a worker until SIGTERM.

    \b
    Example:
      secure-ds worker --home /srv/secure-ds
    """
    settings = settings_of(home)
    configure_logs("worker", settings.log_level)
    run_worker(settings)
