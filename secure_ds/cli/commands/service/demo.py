"""`secure-ds demo`."""

import shutil
import socket
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import click

from secure_ds.assembly import open_store
from secure_ds.cli.demonstrations import encrypted, sealed
from secure_ds.cli.demonstrations.outcome import PURPOSE, TENANT, closing_table
from secure_ds.cli.instances import make_instance
from secure_ds.cli.printing import console
from secure_ds.cli.processes import Supervisor, stop_on_sigterm
from secure_ds.core.principal import Role
from secure_ds.core.settings import Settings
from secure_ds.services.authenticate import issue_token
from secure_ds.store.rows import UserRow


@click.command()
@click.option("--keep", is_flag=True, help="Leave the service up at the end, until interrupted.")
@click.option("--sealed", "is_sealed", is_flag=True, help="Train a convolutional network on sealed images instead.")
def demo(keep: bool, is_sealed: bool) -> None:
    """Run the whole main job on real patients' records, on this machine.

    Makes a fresh instance with embedded defaults, starts custodian, API and worker as processes of their own, then acts
    as a data owner and a compliance officer through REST. Leaves nothing behind unless --keep is given.

    \b
    Example:
      secure-ds demo --keep
      secure-ds demo --sealed
    """
    stop_on_sigterm()
    home = Path(tempfile.mkdtemp(prefix="secure-ds-demo-"))
    try:
        _run(home, keep, is_sealed)
    finally:
        if not keep:
            shutil.rmtree(home, ignore_errors=True)


def _run(home: Path, keep: bool, is_sealed: bool) -> None:
    made = make_instance(home / "instance", port=_free_port())
    if made.warning:
        click.secho(made.warning, err=True, bold=True)
    supervisor = Supervisor(made.settings)
    try:
        supervisor.start()
        supervisor.wait_until_ready()
        owner = _token(made.settings, "olivia", Role.DATA_OWNER)
        officer = _token(made.settings, "carl", Role.COMPLIANCE_OFFICER)
        work = home / "owner"
        work.mkdir()
        demonstration = sealed if is_sealed else encrypted
        outcome = demonstration.demonstrate(supervisor.url, owner, officer, work)
        console(sys.stdout).print(closing_table(outcome))
        if keep:
            _stay(supervisor, home, owner, officer)
    except KeyboardInterrupt:
        click.echo("stopping", err=True)
    finally:
        supervisor.stop()


def _stay(supervisor: Supervisor, home: Path, owner: str, officer: str) -> None:
    click.echo(f"the service stays up at {supervisor.url}; its files are in {home}; press Ctrl-C to stop it", err=True)
    click.echo(f"export SECURE_DS_URL={supervisor.url}\nexport SECURE_DS_TRUST_FILE={home / 'owner' / 'trust.json'}")
    click.echo(f"export SECURE_DS_TOKEN={owner}    # olivia, data owner\n# {officer}    carl, compliance officer")
    supervisor.watch()


def _token(settings: Settings, name: str, role: Role) -> str:
    user = UserRow(name, TENANT, name, frozenset({role}), frozenset({PURPOSE}), 3)
    return issue_token(open_store(settings), user, timedelta(days=1)).text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
