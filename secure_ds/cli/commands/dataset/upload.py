"""`secure-ds dataset upload`."""

from pathlib import Path

import click

from secure_ds.cli.commands.dataset.options import upload_key_option, upload_key_path
from secure_ds.cli.commands.dataset.show import print_dataset
from secure_ds.cli.connection import Session, connected
from secure_ds.cli.progress import transferred
from secure_ds.client.errors import ClientError
from secure_ds.client.owner import upload_package, wait_until_checked
from secure_ds.client.sealed_package import open_package
from secure_ds.client.upload_key import load_upload_key
from secure_ds.jobs.dataset_lifecycle import DatasetState


class DatasetRefused(ClientError):
    """The upload check refused the data set."""

    code = "dataset_refused"


@click.command()
@click.argument("package", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--name", required=True, help="What people call it; it is not secret.")
@click.option("--sensitivity", type=click.IntRange(0, 3), default=2, show_default=True, help="3 is the most sensitive.")
@click.option(
    "--wait", type=click.FloatRange(0), default=0, metavar="SECONDS", help="Wait for the check, so long at most."
)
@upload_key_option
@connected
def upload(session: Session, package: Path, name: str, sensitivity: int, wait: float, upload_key: Path | None) -> None:
    """Upload an encrypted or sealed package and have it checked.

    May be interrupted and run again: what has arrived is not sent twice. The service must show the pinned keys.

    \b
    Example:
      secure-ds dataset upload patients.package --name patients --wait 120
    """
    session.trust.check(session.profile.url, session.client.public_keys())
    opened = open_package(package, load_upload_key(upload_key_path(upload_key)).public_key())
    with transferred("uploading") as progress:
        view = upload_package(session.client, opened, name, sensitivity, progress)
    if wait:
        view = wait_until_checked(session.client, view.id, wait)
    print_dataset(session.printer, view)
    if view.refusal is not None or view.state == DatasetState.REFUSED:
        raise DatasetRefused(view.refusal.detail if view.refusal else "the upload check refused it")
