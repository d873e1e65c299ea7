"""`secure-ds worker`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.worker_process import run_worker
from secure_ds.core.logs import configure_logs


@click.command()
@home
@click.option(
    "--evaluator",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The worker's key file for dual evaluation; else the setting `evaluator_key`.",
)
def worker(home: Path, evaluator: Path | None) -> None:
    """Run a worker until SIGTERM.

    \b
    Example:
      secure-ds worker --home /srv/secure-ds
      secure-ds worker --home /srv/secure-ds --evaluator south.pem
    """
    settings = settings_of(home)
    if evaluator is not None:
        settings = settings.model_copy(update={"evaluator_key": evaluator})
    configure_logs("worker", settings.log_level)
    run_worker(settings)
