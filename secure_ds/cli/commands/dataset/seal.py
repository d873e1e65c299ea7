"""`secure-ds dataset seal`."""

from pathlib import Path

import click
from pydantic import BaseModel, ValidationError

from secure_ds.cli.commands.dataset.options import own_upload_key, schema_of, upload_key_option
from secure_ds.cli.connection import Session, connected
from secure_ds.cli.progress import counted
from secure_ds.client.errors import InvalidDeclaration
from secure_ds.client.owner import sealing_key
from secure_ds.client.sealed_package import SealedDeclaration, write_sealed_package
from secure_ds.data.problems import first_problem
from secure_ds.data.sealed.descriptor import Parent, SealedLimits
from secure_ds.data.sealed.schema import Schema, TokenSchema, UserUnit
from secure_ds.data.streaming import Batches, stream, stream_windows
from secure_ds.privacy.renyi import DEFAULT_ORDERS


class Sealed(BaseModel):
    """What was written."""

    dataset_id: str
    package: str
    descriptor: str
    rows: int
    units: int
    bytes: int


@click.command()
@click.argument("records", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--schema", "schema_name", required=True, help="Name of a declared schema, or a JSON file.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Directory of the package."
)
@click.option("--tenant", required=True, help="Your organisation, as the service knows it.")
@click.option("--purpose", "purposes", required=True, multiple=True, help="What models may be for. May be repeated.")
@click.option("--epsilon", type=float, required=True, help="Privacy that all jobs together may spend, ever.")
@click.option("--delta", type=float, default=1e-5, show_default=True, help="The other half of that bound.")
@click.option("--user", metavar="COLUMN", help="Protect all rows of a user together; the column names each row's.")
@click.option("--rows-per-user", type=click.IntRange(1), metavar="N", help="Rows a user may have; with --user.")
@click.option(
    "--member", "members", multiple=True, metavar="ARRAY=COLUMN", help="For .npz: which array is which column."
)
@click.option("--parent", metavar="ID", help="Data set with the same records: its budget goes on here, and it ends.")
@upload_key_option
@connected
def seal(
    session: Session,
    records: Path,
    schema_name: str,
    out: Path,
    tenant: str,
    purposes: tuple[str, ...],
    epsilon: float,
    delta: float,
    user: str | None,
    rows_per_user: int | None,
    members: tuple[str, ...],
    parent: str | None,
    upload_key: Path | None,
) -> None:
    """Seal records into a package, for training deep models, on this machine alone.

    A fresh key is made and sealed to the custodian's pinned key (`secure-ds trust pin`); it is kept nowhere else. Only
    the trainer of a job that the custodian admits ever opens the records, and what leaves it is differentially private.

    RECORDS is a table (.csv, .jsonl), arrays (.npz), or, for a schema of texts, any text file (.txt), cut into rows.

    \b
    Example:
      secure-ds dataset seal digits.npz --schema digits --out digits.package --tenant clinic \\
        --purpose research --epsilon 8
    """
    schema = _with_users(schema_of(schema_name), user, rows_per_user)
    declaration = SealedDeclaration(
        tenant, schema, _limits(purposes, epsilon, delta), _parent(session, parent) if parent else None
    )
    custodian_key = sealing_key(session.trust.pinned(session.profile.url))
    key = own_upload_key(upload_key)
    with counted("sealing", "parts") as progress:
        written = write_sealed_package(
            out, _batches(records, schema, members), declaration, custodian_key, key, progress
        )
    size = sum(part.bytes for part in written.parts)
    report = Sealed(
        dataset_id=written.dataset_id,
        package=str(out),
        descriptor=written.digest,
        rows=written.n_rows,
        units=written.n_units,
        bytes=size,
    )
    rows = {"data set": report.dataset_id, "package": out, "rows": report.rows, "privacy unit": schema.unit}
    session.printer.one(report, rows | {"units": report.units, "megabytes": size / 1e6})


def _with_users(schema: Schema, user: str | None, rows_per_user: int | None) -> Schema:
    if (user is None) != (rows_per_user is None):
        raise click.UsageError("--user and --rows-per-user belong together")
    if user is None or rows_per_user is None:
        return schema
    try:
        unit = UserUnit(column=user, rows_per_unit=rows_per_user)
        return type(schema).model_validate(dict(schema) | {"privacy_unit": unit})
    except ValidationError as error:
        raise InvalidDeclaration(first_problem(error, "schema")) from None


def _limits(purposes: tuple[str, ...], epsilon: float, delta: float) -> SealedLimits:
    try:
        return SealedLimits(epsilon=epsilon, delta=delta, purposes=tuple(sorted(set(purposes))), orders=DEFAULT_ORDERS)
    except ValidationError as error:
        raise InvalidDeclaration(first_problem(error, "limits")) from None


def _parent(session: Session, dataset_id: str) -> Parent:
    """The parent as the service shows it: the custodian holds what is signed here against its own record."""
    return Parent(dataset_id=dataset_id, descriptor_digest=session.client.dataset(dataset_id).descriptor_digest)


def _batches(records: Path, schema: Schema, members: tuple[str, ...]) -> Batches:
    if isinstance(schema, TokenSchema) and records.suffix == ".txt":
        return stream_windows(records, schema.column, schema.row_tokens)
    try:
        return stream(records, dict(member.split("=", 1) for member in members))
    except ValueError:
        raise click.UsageError("--member reads ARRAY=COLUMN") from None
