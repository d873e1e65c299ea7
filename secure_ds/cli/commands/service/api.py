"""`secure-ds api`."""

from pathlib import Path

import click

from secure_ds.cli.api_process import run_api
from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.core.logs import configure_logs


@click.command()
@home
def api(home: Path) -> None:
    """Run the REST API until SIGTERM.

    \b
    Example:
      secure-ds api --home /srv/secure-ds
    """
    settings = settings_of(home)
    configure_logs("api", settings.log_level)
    run_api(settings)
