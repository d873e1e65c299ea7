"""`secure-ds init`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home
from secure_ds.cli.instances import make_instance


@click.command()
@home
@click.option("--port", type=int, default=8443, show_default=True, help="Port of the API.")
@click.option("--database-url", help="SQLAlchemy URL, such as postgresql://...; else SQLite in the instance.")
@click.option("--dual", is_flag=True, help="Make keys for two workers, so that `up --dual` can be tried.")
def init(home: Path, port: int, database_url: str | None, dual: bool) -> None:
    """Make an instance: directories, key store, database, configuration.

    \b
    Example:
      secure-ds init --home /srv/secure-ds
    """
    made = make_instance(home, port=port, database_url=database_url, dual=dual)
    if made.warning:
        click.secho(made.warning, err=True, bold=True)
    click.echo(f"instance made in {made.settings.home}; start it with `secure-ds up --home {made.settings.home}`")
