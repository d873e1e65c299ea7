"""`secure-ds model download`."""

import json
from pathlib import Path

import click

from secure_ds.cli.connection import Session, connected

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
CERTIFICATE_FILE = "certificate.json"


@click.command()
@click.argument("model_id")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Directory; else the model's id.")
@connected
def download(session: Session, model_id: str, out: Path | None) -> None:
    """Download a model with its card and certificate.

    The weights are compared with their digest; `secure-ds model verify` says what the certificate is worth.

    \b
    Example:
      secure-ds model download model_... --out breast-cancer
    """
    model = session.client.model(model_id)
    directory = out or Path(model_id)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / WEIGHTS_FILE).write_bytes(session.client.download_weights(model))
    (directory / CERTIFICATE_FILE).write_bytes(session.client.download_certificate(model))
    (directory / CARD_FILE).write_text(json.dumps(model.card, indent=2, sort_keys=True) + "\n")
    session.printer.one(model, {"model": model.id, "directory": directory, "weights": model.weights_digest})
