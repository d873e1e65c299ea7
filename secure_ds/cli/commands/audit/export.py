"""`secure-ds audit export`."""

import os
from pathlib import Path

import click
from pydantic import BaseModel

from secure_ds.cli.connection import Session, connected


class Exported(BaseModel):
    """What was written."""

    file: str
    bytes: int


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@connected
def export(session: Session, file: Path, form: str) -> None:
    """Export the audit log to a file.

    The form jsonl can be verified offline with `secure-ds audit verify`; csv is for spreadsheets. The file appears only
    when the export is whole.

    \b
    Example:
      secure-ds audit export audit.jsonl
    """
    partial = file.with_name(file.name + ".partial")
    with partial.open("wb") as sink:
        for piece in session.client.export_audit(form):
            sink.write(piece)
    os.replace(partial, file)
    size = file.stat().st_size
    session.printer.one(Exported(file=str(file), bytes=size), {"file": file, "bytes": size})
