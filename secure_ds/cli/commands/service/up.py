"""`secure-ds up`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.processes import Supervisor, stop_on_sigterm


@click.command()
@home
def up(home: Path) -> None:
    """Run custodian, API and worker until interrupted; start again what dies.

    Logs are in the instance's directory `logs`.

    \b
    Example:
      secure-ds up --home /srv/secure-ds
    """
    supervisor = Supervisor(settings_of(home))
    stop_on_sigterm()
    try:
        supervisor.start()
        supervisor.wait_until_ready()
        click.echo(f"secure_ds is ready at {supervisor.url}")
        supervisor.watch()
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        supervisor.stop()
