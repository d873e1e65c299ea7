"""`secure-ds policy explain`."""

import click

from secure_ds.cli.connection import Session, build, connected
from secure_ds.wire.service import ExplainRequest


@click.command()
@click.argument("action")
@click.argument("object_id", required=False)
@click.option("--purpose", help="Of the training that you have in mind.")
@connected
def explain(session: Session, action: str, object_id: str | None, purpose: str | None) -> None:
    """Explain what the policies would answer you.

    \b
    Example:
      secure-ds policy explain job:submit ds_... --purpose research
    """
    question = build(ExplainRequest, action=action, object_id=object_id, purpose=purpose)
    view = session.client.explain(question)
    session.printer.one(
        view,
        {
            "allowed": "yes" if view.allowed else "no",
            "because": view.explanation,
            "policies": view.policy_ids,
            "version": view.policy_version,
        },
    )
