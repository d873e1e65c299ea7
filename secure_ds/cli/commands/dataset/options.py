"""Options that the owner's commands share."""

import os
from pathlib import Path

import click

from secure_ds.cli.profile import config_directory

upload_key_option = click.option(
    "--upload-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your signing key (PEM); else upload_key.pem beside the profile, made when first needed.",
)


def upload_key_path(chosen: Path | None) -> Path:
    """Return where the owner's signing key is."""
    return chosen or config_directory(os.environ) / "upload_key.pem"
