"""`secure-ds audit verify`."""

import os
from pathlib import Path
from typing import BinaryIO, TextIO

import click

from audit.verify import InvalidKeyError, Report, TrustedKey, verify_export
from secure_ds.cli.connection import as_json, trust_file, url
from secure_ds.cli.printing import Printer
from secure_ds.cli.profile import InvalidProfile, load_profile
from secure_ds.client.errors import ClientError
from secure_ds.client.trust import TrustFile


class LogNotVerified(ClientError):
    """The export is not what the log signed."""

    code = "audit_not_verified"


@click.command()
@click.argument("export", type=click.File("rb"))
@click.option("--key", help="The log's public key (name+id+base64); else the one pinned for the service.")
@click.option(
    "--checkpoint",
    "checkpoints",
    type=click.File("r"),
    multiple=True,
    help="A checkpoint kept from earlier; shows a cut tail or a rewritten log. May be repeated.",
)
@url
@trust_file
@as_json
def verify(
    export: BinaryIO,
    key: str | None,
    checkpoints: tuple[TextIO, ...],
    url: str | None,
    trust_file: Path | None,
    as_json: bool,
) -> None:
    """Verify an export offline, with the pinned key alone.

    Nothing is asked of the service. Exit code 0 means that every entry shown is what the log signed, that none is
    missing between the first and the last, and that every checkpoint given is part of the same history.

    \b
    Example:
      secure-ds audit verify audit.jsonl --checkpoint last-month.txt
    """
    trusted = _trusted(key or _pinned_key(url, trust_file))
    older = [checkpoint.read() for checkpoint in checkpoints]
    report = verify_export(export, [trusted], older_checkpoints=older)
    _show(report, as_json)
    if not report.ok:
        raise LogNotVerified(report.summary())


def _trusted(text: str) -> TrustedKey:
    try:
        return TrustedKey.parse(text)
    except InvalidKeyError as error:
        raise InvalidProfile(f"the log's public key cannot be used: {error}") from None


def _pinned_key(url: str | None, trust_file: Path | None) -> str:
    profile = load_profile(os.environ, url=url, trust_file=trust_file)
    return TrustFile(profile.trust_file).pinned(profile.url).checkpoint_key


def _show(report: Report, as_json: bool) -> None:
    if as_json:
        Printer(as_json=True).json(report.to_json())
        return
    click.echo(report.summary())
    for finding in report.findings:
        place = f"entry {finding.index}: " if finding.index is not None else ""
        click.echo(f"  {finding.kind}: {place}{finding.message}")
