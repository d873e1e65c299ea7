"""`secure-ds dataset encrypt`."""

from pathlib import Path

import click
from pydantic import BaseModel

from secure_ds.cli.commands.dataset.options import own_upload_key, upload_key_option
from secure_ds.cli.connection import Session, connected
from secure_ds.cli.members import note_members
from secure_ds.cli.progress import counted
from secure_ds.client.declaration import read_declaration
from secure_ds.client.group import fetch_group, write_group_package
from secure_ds.client.own_statistics import results_key as own_key
from secure_ds.client.owner import sealing_key
from secure_ds.client.package import write_package
from secure_ds.core.private_keys import public_point
from secure_ds.data.descriptor import RECORDS, STATISTICS, Content


class Encrypted(BaseModel):
    """What was written."""

    dataset_id: str
    package: str
    descriptor: str
    bytes: int


@click.command()
@click.argument("records", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--declaration", required=True, type=click.Path(path_type=Path), help="From `secure-ds dataset describe`."
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory of the package."
)
@click.option(
    "--collaboration", metavar="ID", help="Encrypt under the key of this collaboration, which the custodian made."
)
@click.option(
    "--results-key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your key for statistics without noise (`job statistics`); made where there is none. Else there will be none.",
)
@click.option(
    "--statistics",
    is_flag=True,
    help="Encrypt exact statistics in place of records: least squares alone, in seconds, and nothing can be verified.",
)
@upload_key_option
@connected
def encrypt(
    session: Session,
    records: Path,
    declaration: Path,
    out: Path,
    collaboration: str | None,
    upload_key: Path | None,
    results_key: Path | None,
    statistics: bool,
) -> None:
    """Encrypt records into a package, on this machine alone.

    Fresh keys are made; the secret one is sealed to the custodian's pinned key (`secure-ds trust pin`) and kept nowhere
    else. The service is not asked anything.

    With --collaboration no key is made: the group's statement and public key are fetched, and checked against the
    pinned keys, and your upload key against the one that the statement names for your tenant. Compare the members' keys
    (`collaboration show`) over another channel first. Whoever runs the custodian can then read these records, and must
    be none of the members.

    \b
    Example:
      secure-ds dataset encrypt patients.csv --declaration patients.json --out patients.package
    """
    if collaboration and (statistics or results_key):
        raise click.UsageError("--statistics and --results-key are for a data set with a key of its own")
    file = read_declaration(declaration)
    pinned = session.trust.pinned(session.profile.url)
    key = own_upload_key(upload_key)
    loaded, declared = file.read_records(records), file.declaration()
    group = None if collaboration is None else fetch_group(session.client, collaboration, pinned)
    if group is not None:
        note_members(session.printer, group[0])
    with counted("encrypting", "files") as progress:
        if group is None:
            point = public_point(own_key(results_key)) if results_key else None
            content: Content = STATISTICS if statistics else RECORDS
            descriptor = write_package(out, loaded, declared, sealing_key(pinned), key, progress, point, content)
        else:
            descriptor = write_group_package(out, loaded, declared, *group, key, progress)
    size = sum(blob.bytes for blob in (*descriptor.evaluation_keys, *descriptor.blocks))
    written = Encrypted(dataset_id=descriptor.dataset_id, package=str(out), descriptor=descriptor.digest, bytes=size)
    session.printer.one(written, {"data set": written.dataset_id, "package": out, "megabytes": size / 1e6})
