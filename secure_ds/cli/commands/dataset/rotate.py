"""`secure-ds dataset rotate`."""

from pathlib import Path

import click

from secure_ds.cli.commands.dataset.options import upload_key_option, upload_key_path
from secure_ds.cli.commands.dataset.show import print_dataset
from secure_ds.cli.connection import Session, connected
from secure_ds.client.owner import sealing_key
from secure_ds.client.package import DESCRIPTOR_FILE
from secure_ds.client.rotation import send_rotation, write_rotation
from secure_ds.client.upload_key import load_upload_key


@click.command()
@click.argument("dataset_id")
@click.option(
    "--max-decryptions",
    type=click.IntRange(1, 2**20),
    required=True,
    help="Noisy answers that the new key may give in its life.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory for the sealed key and the signed descriptor; with one already there, it is sent again.",
)
@upload_key_option
@connected
def rotate(session: Session, dataset_id: str, max_decryptions: int, out: Path, upload_key: Path | None) -> None:
    """Give a data set's files a new secret key, when the old one has given all its answers.

    A successor data set takes over files and budget; the old key answers nothing more, and nothing is uploaded again.
    What was spent stays spent, and the noise grows with the decryptions of all keys together.

    \b
    Example:
      secure-ds dataset rotate ds_... --max-decryptions 32 --out patients.rotation
    """
    custodian_key = sealing_key(session.trust.pinned(session.profile.url))
    session.trust.check(session.profile.url, session.client.public_keys())
    if not (out / DESCRIPTOR_FILE).exists():
        parent = session.client.descriptor(dataset_id)
        write_rotation(out, parent, max_decryptions, custodian_key, load_upload_key(upload_key_path(upload_key)))
    print_dataset(session.printer, send_rotation(session.client, out))
