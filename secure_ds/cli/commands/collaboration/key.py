"""`secure-ds collaboration key`."""

from pathlib import Path

import click
from pydantic import BaseModel

from secure_ds.cli.commands.dataset.options import own_upload_key, upload_key_option
from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.client.upload_key import public_key_text


class OwnKey(BaseModel):
    """What a collaboration names for its owner's tenant."""

    upload_key: str


@click.command()
@upload_key_option
@as_json
def key(upload_key: Path | None, as_json: bool) -> None:
    """Show your public upload key, by which a collaboration knows you.

    Made where there is none yet. Tell it to whoever calls for the collaboration, and to its other members, who compare
    it with what `collaboration show` says.

    \b
    Example:
      secure-ds collaboration key
    """
    own = OwnKey(upload_key=public_key_text(own_upload_key(upload_key)))
    Printer(as_json=as_json).one(own, {"upload key": own.upload_key})
