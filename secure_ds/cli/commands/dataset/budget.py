"""`secure-ds dataset budget`."""

import click

from secure_ds.cli.connection import Session, connected


@click.command()
@click.argument("dataset_id")
@connected
def budget(session: Session, dataset_id: str) -> None:
    """Show what a data set may still release.

    \b
    Example:
      secure-ds dataset budget ds_...
    """
    view = session.client.budget(dataset_id)
    session.printer.one(
        view,
        {
            "epsilon left": f"{view.epsilon_left:.6g} of {view.epsilon_limit:.6g}",
            "spent": view.epsilon_spent,
            "reserved by jobs": view.epsilon_reserved,
            "delta": view.delta,
            "decryptions": f"{view.decryptions_used} of {view.decryptions_limit} used" if view.tau else None,
            "earlier keys": f"{view.decryptions_prior} decryptions" if view.decryptions_prior else None,
            "statistical security": f"at least {view.statistical_bits:.3g} bits over {view.tau} decryptions"
            if view.tau
            else None,
            "neighbours": view.neighbours,
            "accountant": view.accountant,
        },
    )
