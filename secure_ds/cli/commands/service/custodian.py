"""`secure-ds custodian`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.custodian_process import run_custodian
from secure_ds.core.logs import configure_logs


@click.command()
@home
def custodian(home: Path) -> None:
    """Run the key custodian until SIGTERM.

    \b
    Example:
      secure-ds custodian --home /srv/secure-ds
    """
    settings = settings_of(home)
    configure_logs("custodian", settings.log_level)
    run_custodian(settings)
