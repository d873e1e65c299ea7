"""`secure-ds model predict`."""

import csv
import sys
from pathlib import Path

import click

from secure_ds.cli.commands.model.download import WEIGHTS_FILE
from secure_ds.client.predict import predict_records
from secure_ds.data.loading import load
from secure_ds.training.encrypted.model_file import read_model


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("records", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def predict(directory: Path, records: Path) -> None:
    """Apply a downloaded model to records, on this machine.

    The model's public feature map is applied first. Prints CSV: row, label, score.

    \b
    Example:
      secure-ds model predict breast-cancer patients.csv
    """
    model = read_model((directory / WEIGHTS_FILE).read_bytes())
    labels, scores = predict_records(model, load(records))
    table = csv.writer(sys.stdout)
    table.writerow(("row", "label", "score"))
    table.writerows(
        (row, int(label), f"{score:.6g}") for row, (label, score) in enumerate(zip(labels, scores, strict=True))
    )
