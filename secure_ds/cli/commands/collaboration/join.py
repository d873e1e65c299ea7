"""`secure-ds collaboration join`."""

from pathlib import Path

import click

from secure_ds.cli.commands.collaboration.consent import print_consent
from secure_ds.cli.commands.dataset.options import upload_key_option, upload_key_path
from secure_ds.cli.connection import Session, connected
from secure_ds.cli.members import note_members
from secure_ds.client.group import give_consent, own_statement
from secure_ds.client.upload_key import load_upload_key
from secure_ds.data.consent import JOINED


@click.command()
@click.argument("dataset_id")
@upload_key_option
@connected
def join(session: Session, dataset_id: str, upload_key: Path | None) -> None:
    """Let a data set of yours take part in its collaboration.

    Signs your consent with the upload key of the data set, which must be the one that the collaboration names for your
    tenant. It holds until you withdraw it.

    \b
    Example:
      secure-ds collaboration join ds_...
    """
    pinned = session.trust.pinned(session.profile.url)
    key = load_upload_key(upload_key_path(upload_key))
    note_members(session.printer, own_statement(session.client, session.client.descriptor(dataset_id), pinned))
    print_consent(session.printer, give_consent(session.client, dataset_id, JOINED, key, pinned))
