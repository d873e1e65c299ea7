"""`secure-ds collaboration show`."""

import click

from secure_ds.cli.connection import Session, connected
from secure_ds.cli.members import note_members
from secure_ds.cli.printing import Printer
from secure_ds.client.statement import open_statement
from secure_ds.wire.collaborations import CollaborationView


@click.command()
@click.argument("collaboration_id")
@connected
def show(session: Session, collaboration_id: str) -> None:
    """Show a collaboration, its statement checked against the pinned keys.

    \b
    Example:
      secure-ds collaboration show collab_...
    """
    view = session.client.collaboration(collaboration_id)
    pinned = session.trust.pinned(session.profile.url)
    statement = open_statement(session.client.statement(collaboration_id), pinned)
    print_collaboration(session.printer, view)
    note_members(session.printer, statement)
    session.printer.note(f"The custodian's statement {statement.digest} is signed with the pinned certificate key.")


def print_collaboration(printer: Printer, view: CollaborationView) -> None:
    """Print a collaboration, and who takes part with what."""
    parts = [
        f"{each.dataset_id} of {each.tenant}: {each.n_records} records, {each.state}, {each.consent}"
        for each in view.data_sets
    ]
    printer.one(
        view,
        {
            "id": view.id,
            "name": view.name,
            "members": view.members,
            "called by": view.tenant,
            "purposes": view.purposes,
            "features": f"{view.n_features} ({view.feature_map})",
            "parameters": view.parameters,
            "data sets": "\n".join(parts) or "none takes part yet",
            "statement": view.statement_digest,
            "created": view.created_at,
        },
    )
