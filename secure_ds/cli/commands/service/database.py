"""`secure-ds db`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.store import migrate
from secure_ds.store.engine import make_engine


@click.command("upgrade")
@home
def upgrade(home: Path) -> None:
    """Bring the database to this version's schema.

    \b
    Example:
      secure-ds db upgrade --home /srv/secure-ds
    """
    migrate.upgrade(make_engine(settings_of(home).database))
    click.echo("the database has this version's schema")


@click.command("check")
@home
def check(home: Path) -> None:
    """Compare the database with what this version expects, triggers included.

    \b
    Example:
      secure-ds db check --home /srv/secure-ds
    """
    migrate.check(make_engine(settings_of(home).database))
    click.echo("the database is as this version expects it")
