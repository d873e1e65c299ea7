"""`secure-ds model predict`."""

import csv
import sys
from pathlib import Path

import click

from secure_ds.cli.commands.model.download import WEIGHTS_FILE
from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.client.predict import predict_records
from secure_ds.data.loading import load
from secure_ds.training.encrypted.model_file import read_model


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("records", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def predict(directory: Path, records: Path, as_json: bool) -> None:
    """Apply a downloaded model to records, on this machine.

    The model's public feature map is applied first. Prints row, label, class and the highest score, as CSV or JSON.

    \b
    Example:
      secure-ds model predict breast-cancer patients.csv
    """
    model = read_model((directory / WEIGHTS_FILE).read_bytes())
    pairs = zip(*predict_records(model, load(records)), strict=True)
    rows = [
        {"row": row, "label": int(label), "class": model.classes[label], "score": float(score.max())}
        for row, (label, score) in enumerate(pairs)
    ]
    if as_json:
        Printer(as_json=True).json(rows)
        return
    table = csv.DictWriter(sys.stdout, ("row", "label", "class", "score"))
    table.writeheader()
    table.writerows({**row, "score": f"{row['score']:.6g}"} for row in rows)
