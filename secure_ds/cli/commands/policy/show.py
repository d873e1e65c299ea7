"""`secure-ds policy show`."""

import click

from secure_ds.cli.connection import Session, connected


@click.command()
@click.argument("policy_id", required=False)
@connected
def show(session: Session, policy_id: str | None) -> None:
    """Show the policies in force.

    \b
    Example:
      secure-ds policy show
    """
    view = session.client.policies()
    if policy_id is not None and policy_id not in view.policies:
        raise click.UsageError(f"there is no policy {policy_id!r}; there are: {', '.join(sorted(view.policies))}")
    chosen = view.policies if policy_id is None else {policy_id: view.policies[policy_id]}
    session.printer.one(view.model_copy(update={"policies": chosen}), {"version": view.version, **chosen})
