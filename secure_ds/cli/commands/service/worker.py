"""`secure-ds worker`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.worker_process import run_worker
from secure_ds.core.logs import configure_logs
from secure_ds.core.settings import load_settings


@click.command()
@home
@click.option(
    "--evaluator",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The worker's key file for dual evaluation; else the setting `evaluator_key`.",
)
@click.option("--confirm-only", is_flag=True, help="Only evaluate beside other workers; needs a key, and no custodian.")
def worker(home: Path, evaluator: Path | None, confirm_only: bool) -> None:
    """Run a worker until SIGTERM.

    A worker of another trust domain runs on a machine of its own, with settings that name the
    database, the blobs and the evaluators; with --confirm-only it does without the custodian's socket.

    \b
    Example:
      secure-ds worker --home /srv/secure-ds
      secure-ds worker --home /srv/secure-ds --evaluator south.pem --confirm-only
    """
    settings = load_settings(home=home) if confirm_only else settings_of(home)
    if evaluator is not None:
        settings = settings.model_copy(update={"evaluator_key": evaluator})
    if confirm_only and settings.evaluator_key is None:
        raise click.UsageError("--confirm-only needs --evaluator, or the setting `evaluator_key`")
    configure_logs("worker", settings.log_level)
    run_worker(settings, confirms_only=confirm_only)
