"""`secure-ds evaluator make`."""

from pathlib import Path

import click
from pydantic import ValidationError

from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.core.evaluators import Evaluator
from secure_ds.core.private_keys import make_private_key, public_hex


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--domain", required=True, help="Who runs the worker: the trust domain its word is counted under.")
@as_json
def make(file: Path, domain: str, as_json: bool) -> None:
    """Make a worker's key for dual evaluation, on the machine that will run the worker.

    The entry it prints belongs into the list `evaluators` of the settings of the custodian, of the
    API and of the workers. The file stays where it is, readable by its owner alone.

    \b
    Example:
      secure-ds evaluator make south.pem --domain south
    """
    _require_domain(domain)
    evaluator = Evaluator(domain=domain, public_key=public_hex(make_private_key(file)))
    entry = f'{{domain = "{evaluator.domain}", public_key = "{evaluator.public_key}"}}'
    Printer(as_json=as_json).done(entry, **evaluator.model_dump())


def _require_domain(domain: str) -> None:
    """Refuse a name before there is a file."""
    try:
        Evaluator(domain=domain, public_key="0" * 64)
    except ValidationError:
        raise click.BadParameter(
            "a domain is small letters, digits and hyphens, and begins with a letter", param_hint="--domain"
        ) from None
