"""`secure-ds dataset describe`."""

from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from secure_ds.ckks.profiles import DEFAULT, PROFILES
from secure_ds.cli.commands.dataset.options import feature_map_of
from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.client.declaration import DeclarationFile
from secure_ds.client.errors import InvalidDeclaration
from secure_ds.client.package import design_matrix
from secure_ds.data.descriptor import Limits, PrivacyUnit
from secure_ds.data.problems import first_problem


@click.command()
@click.argument("records", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The declaration to write.")
@click.option("--tenant", required=True, help="Your organisation, as the service knows it.")
@click.option("--map", "map_name", required=True, help="Feature map: the name of a declared one, or a JSON file.")
@click.option("--label", required=True, help="Column of the labels.")
@click.option("--classes", metavar="A,B,...", help="Labels to keep; the first becomes class 0, and so on.")
@click.option(
    "--member", "members", multiple=True, metavar="ARRAY=COLUMN", help="For .npz: which array is which column."
)
@click.option("--purpose", "purposes", required=True, multiple=True, help="What models may be for. May be repeated.")
@click.option("--epsilon", type=float, required=True, help="Privacy that all jobs together may spend, ever.")
@click.option("--delta", type=float, default=1e-5, show_default=True, help="The other half of that bound.")
@click.option("--max-decryptions", type=int, default=32, show_default=True, help="Sums the custodian may open, ever.")
@click.option(
    "--dual-evaluation", is_flag=True, help="Demand that workers of two trust domains evaluate every step alike."
)
@click.option("--records-per-person", type=int, default=1, show_default=True, help="At most.")
@click.option("--profile", type=click.Choice(list(PROFILES)), default=DEFAULT.name, show_default=True)
@as_json
def describe(records: Path, out: Path, as_json: bool, **decisions: Any) -> None:
    """Write down what your records mean and what may be done with them.

    Nothing leaves this machine, and nothing in the declaration is computed from the records: bounds come from the
    feature map. The records are read only to see that they fit.

    \b
    Example:
      secure-ds dataset describe patients.csv --out patients.json --tenant clinic \\
        --map breast_cancer --label benign --purpose research --epsilon 2
    """
    file = _declaration(**decisions)
    loaded = file.read_records(records)
    matrix = design_matrix(loaded, file.declaration())
    out.write_text(file.model_dump_json(indent=2) + "\n")
    rows = {
        "declaration": out,
        "records": len(matrix),
        "features": file.feature_map.n_features,
        "purposes": file.limits.purposes,
    }
    Printer(as_json=as_json).one(file, rows)


def _declaration(
    *,
    map_name: str,
    classes: str | None,
    members: tuple[str, ...],
    purposes: tuple[str, ...],
    epsilon: float,
    delta: float,
    max_decryptions: int,
    dual_evaluation: bool,
    records_per_person: int,
    **plain: Any,
) -> DeclarationFile:
    try:
        return DeclarationFile(
            feature_map=feature_map_of(map_name),
            classes=tuple(classes.split(",")) if classes else None,
            members=dict(member.split("=", 1) for member in members),
            limits=Limits(
                epsilon=epsilon,
                delta=delta,
                purposes=tuple(sorted(set(purposes))),
                max_decryptions=max_decryptions,
                dual_evaluation_required=dual_evaluation,
            ),
            unit=PrivacyUnit(records_per_person=records_per_person),
            **plain,
        )
    except ValidationError as error:
        raise InvalidDeclaration(first_problem(error, "declaration")) from None
    except ValueError:
        raise click.UsageError("--member reads ARRAY=COLUMN") from None
