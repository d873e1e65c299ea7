"""`secure-ds dataset show`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.printing import Printer
from secure_ds.wire.datasets import DatasetView


@click.command()
@click.argument("dataset_id")
@connected
def show(session: Session, dataset_id: str) -> None:
    """Show a data set.

    \b
    Example:
      secure-ds dataset show ds_...
    """
    print_dataset(session.printer, session.client.dataset(dataset_id))


def print_dataset(printer: Printer, view: DatasetView) -> None:
    """Print a data set."""
    printer.one(
        view,
        {
            "id": view.id,
            "name": view.name,
            "state": view.state,
            "refused because": f"{view.refusal.code}: {view.refusal.detail}" if view.refusal else None,
            "owner": f"{view.owner} of {view.tenant}",
            "records": view.n_records,
            "features": f"{view.n_features} ({view.feature_map})",
            "purposes": view.purposes,
            "sensitivity": view.sensitivity,
            "parameters": view.parameters,
            "files": f"{view.blobs_total - view.blobs_missing} of {view.blobs_total} have arrived",
            "norms": view.norms,
            "descriptor": view.descriptor_digest,
            "created": view.created_at,
        },
    )
