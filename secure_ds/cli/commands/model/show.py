"""`secure-ds model show`."""

import json

import click

from secure_ds.cli.connection import Session, connected


@click.command()
@click.argument("model_id")
@connected
def show(session: Session, model_id: str) -> None:
    """Show a model.

    \b
    Example:
      secure-ds model show model_...
    """
    view = session.client.model(model_id)
    session.printer.one(
        view,
        {
            "id": view.id,
            "algorithm": view.algorithm,
            "privacy": f"epsilon {view.epsilon:.6g}, delta {view.delta:.6g}",
            "job": view.job_id,
            "data set": view.dataset_id,
            "weights": view.weights_digest,
            "certificate": view.certificate_digest,
            "created": view.created_at,
            "card": json.dumps(view.card, indent=2, sort_keys=True),
        },
    )
