"""`secure-ds model predict`."""

import csv
import sys
from pathlib import Path

import click

from secure_ds.cli.commands.model.download import WEIGHTS_FILE
from secure_ds.cli.commands.model.predict_encrypted import inputs_of, predict_at_service, print_cost, rows_of
from secure_ds.cli.connection import as_json, token_file, url
from secure_ds.cli.printing import Printer
from secure_ds.client.predict import predict_records
from secure_ds.data.loading import load
from secure_ds.training.encrypted.model_file import TrainedModel, read_model

Rows = list[dict[str, object]]


@click.command()
@click.argument("model")
@click.argument("records", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--encrypted", is_flag=True, help="MODEL is the id of a network at the service; records leave encrypted.")
@click.option(
    "--map-of",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --encrypted: the directory of a downloaded model whose feature map is applied first.",
)
@click.option("--max-error", default=1e-2, show_default=True, help="With --encrypted: largest error to be proven.")
@url
@token_file
@as_json
def predict(
    model: str,
    records: Path,
    encrypted: bool,
    map_of: Path | None,
    max_error: float,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Apply a model to records, or a network to ciphertexts of them.

    MODEL is the directory of `model download`, whose public feature map is applied first; or with --encrypted a
    network's id. Prints row, label and the highest score, as CSV or JSON; with --encrypted also batch size, latency and
    bytes, on standard error.

    \b
    Example:
      secure-ds model predict breast-cancer patients.csv
      secure-ds model predict --encrypted net_... digits.npz
    """
    printer = Printer(as_json=as_json)
    if encrypted:
        X = inputs_of(load(records), None if map_of is None else _read(map_of))
        prediction = predict_at_service(model, X, max_error, url=url, token_file=token_file)
        _print(printer, rows_of(prediction), as_json)
        print_cost(printer, prediction)
    else:
        _print(printer, _on_this_machine(_read(Path(model)), records), as_json)


def _read(directory: Path) -> TrainedModel:
    try:
        return read_model((directory / WEIGHTS_FILE).read_bytes())
    except OSError as error:
        raise click.UsageError(f"{directory} is no directory of `model download`: {error.strerror}") from error


def _on_this_machine(model: TrainedModel, records: Path) -> Rows:
    pairs = zip(*predict_records(model, load(records)), strict=True)
    return [
        {"row": row, "label": int(label), "class": model.classes[label], "score": float(score.max())}
        for row, (label, score) in enumerate(pairs)
    ]


def _print(printer: Printer, rows: Rows, as_json: bool) -> None:
    if as_json:
        printer.json(rows)
        return
    table = csv.DictWriter(sys.stdout, tuple(rows[0]))
    table.writeheader()
    table.writerows({**row, "score": f"{row['score']:.6g}"} for row in rows)
