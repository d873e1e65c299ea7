"""`secure-ds model register`."""

import base64
from pathlib import Path

import click

from secure_ds.ckks.network_files import write_network
from secure_ds.cli.commands.model.download import WEIGHTS_FILE
from secure_ds.cli.connection import Session, connected
from secure_ds.client.trained_network import network_of
from secure_ds.training.encrypted.model_file import read_model
from secure_ds.wire.predictions import NetworkCreate


@click.command()
@click.argument("network", type=click.Path(exists=True, path_type=Path))
@click.option("--name", help="What to call it; else the file's name.")
@connected
def register(session: Session, network: Path, name: str | None) -> None:
    """Hand in a network, for predictions on ciphertexts.

    NETWORK is a network's file, or the directory of a downloaded linear model, which becomes a network of one layer.
    Everybody in your tenant who works with data may read it and have it applied.

    \b
    Example:
      secure-ds model register digits.safetensors
    """
    data = write_network(network_of(read_model((network / WEIGHTS_FILE).read_bytes()))) if network.is_dir() else None
    file = base64.b64encode(data or network.read_bytes()).decode()
    view = session.client.register_network(NetworkCreate(name=name or network.stem, file=file))
    shown = {"network": view.id, "name": view.name, "inputs": view.n_inputs, "outputs": view.n_outputs}
    session.printer.one(view, {**shown, "levels": view.levels, "digest": view.digest})
