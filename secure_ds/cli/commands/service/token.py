"""`secure-ds token`."""

from datetime import timedelta
from pathlib import Path

import click

from secure_ds.assembly import open_store
from secure_ds.cli.commands.service.options import home, settings_of
from secure_ds.cli.connection import as_json
from secure_ds.cli.printing import Printer
from secure_ds.core.principal import Role
from secure_ds.services.authenticate import issue_token, revoke_token
from secure_ds.store.rows import UserRow

ROLES = sorted(role.value for role in Role)


@click.command("issue")
@click.argument("user")
@click.option("--tenant", required=True, help="The user's organisation.")
@click.option("--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="Repeatable.")
@click.option("--purpose", "purposes", multiple=True, help="What the user may use data for; repeatable.")
@click.option("--clearance", type=click.IntRange(0, 3), default=2, show_default=True, help="Up to which sensitivity.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Lifetime of the token.")
@home
@as_json
def issue(
    user: str,
    tenant: str,
    roles: tuple[str, ...],
    purposes: tuple[str, ...],
    clearance: int,
    days: int,
    home: Path,
    as_json: bool,
) -> None:
    """Make a token for a user; a new user is added with these attributes. It is shown once.

    Run it on the service's own machine. User names are unique across tenants; a user that
    exists is named with the attributes they were added with, else no token is made.

    \b
    Example:
      secure-ds token issue alice --tenant clinic --role data_owner --purpose research
    """
    row = UserRow(user, tenant, user, frozenset(roles), frozenset(purposes), clearance)
    issued = issue_token(open_store(settings_of(home)), row, timedelta(days=days))
    if as_json:
        Printer(as_json=True).json({"token_id": issued.token_id, "token": issued.text})
        return
    click.echo(f"token id {issued.token_id}; give this to {user}, it is not shown again:", err=True)
    click.echo(issued.text)


@click.command("revoke")
@click.argument("token_id")
@home
@as_json
def revoke(token_id: str, home: Path, as_json: bool) -> None:
    """Revoke a token at once.

    \b
    Example:
      secure-ds token revoke tok_...
    """
    revoke_token(open_store(settings_of(home)), token_id)
    Printer(as_json=as_json).done(f"{token_id} is revoked", token_id=token_id, revoked=True)
