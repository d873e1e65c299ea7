"""`secure-ds up`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.instances import SECOND, evaluator_file
from secure_ds.cli.processes import PROCESSES, SECOND_WORKER, Supervisor, stop_on_sigterm
from secure_ds.core.settings import Settings


@click.command()
@home
@click.option("--dual", is_flag=True, help="Run a second worker, of another domain in name: see `init --dual`.")
def up(home: Path, dual: bool) -> None:
    """Run custodian, API and worker until interrupted; start again what dies.

    Logs are in the instance's directory `logs`. With --dual jobs under dual evaluation can be tried
    on one machine, where they protect nobody from whoever operates it.

    \b
    Example:
      secure-ds up --home /srv/secure-ds
    """
    settings = settings_of(home)
    if dual:
        _require_second_key(settings)
    supervisor = Supervisor(settings)
    stop_on_sigterm()
    try:
        supervisor.start((*PROCESSES, SECOND_WORKER) if dual else PROCESSES)
        supervisor.wait_until_ready()
        click.echo(f"secure_ds is ready at {supervisor.url}")
        supervisor.watch()
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        supervisor.stop()


def _require_second_key(settings: Settings) -> None:
    if not evaluator_file(settings, SECOND).exists():
        raise click.UsageError(
            f"{settings.home} has no key of a second worker; make an instance with `secure-ds init --dual`, or run the "
            "second worker with a key of its own (`secure-ds evaluator make`, `secure-ds worker --evaluator`)"
        )
