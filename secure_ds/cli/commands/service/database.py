"""`secure-ds db`."""

from pathlib import Path

import click

from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.store import migrate
from secure_ds.store.engine import make_engine


@click.command("upgrade")
@home
@as_json
def upgrade(home: Path, as_json: bool) -> None:
    """Bring the database to this version's schema.

    \b
    Example:
      secure-ds db upgrade --home /srv/secure-ds
    """
    migrate.upgrade(make_engine(settings_of(home).database))
    Printer(as_json=as_json).done("the database has this version's schema", upgraded=True)


@click.command("check")
@home
@as_json
def check(home: Path, as_json: bool) -> None:
    """Compare the database with what this version expects, triggers included.

    \b
    Example:
      secure-ds db check --home /srv/secure-ds
    """
    migrate.check(make_engine(settings_of(home).database))
    Printer(as_json=as_json).done("the database is as this version expects it", agrees=True)
