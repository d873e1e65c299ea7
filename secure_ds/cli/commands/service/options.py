"""The option that says which instance a command is about."""

import os
from pathlib import Path

import click

from secure_ds.core.settings import Settings, load_settings

DEFAULT_HOME = "var"

home = click.option(
    "--home",
    type=click.Path(path_type=Path, file_okay=False),
    default=lambda: os.environ.get("SECURE_DS_HOME", DEFAULT_HOME),
    show_default="SECURE_DS_HOME, else ./var",
    help="Directory of the instance.",
)


def settings_of(home: Path) -> Settings:
    """Return an instance's settings.

    Raises:
        UsageError: there is no instance.
    """
    settings = load_settings(home=home)
    if not settings.keystore_uri:
        raise click.UsageError(f"there is no instance in {home}; make one with `secure-ds init --home {home}`")
    return settings
