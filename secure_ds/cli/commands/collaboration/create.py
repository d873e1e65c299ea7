"""`secure-ds collaboration create`."""

import click

from secure_ds.ckks.profiles import DEFAULT, PROFILES
from secure_ds.cli.commands.collaboration.show import print_collaboration
from secure_ds.cli.commands.dataset.options import feature_map_of
from secure_ds.cli.connection import Session, build, connected
from secure_ds.wire.collaborations import CollaborationCreate


@click.command()
@click.argument("name")
@click.option(
    "--member",
    "members",
    required=True,
    multiple=True,
    metavar="TENANT=KEY",
    help="A tenant and its public upload key (`collaboration key`); your own among them. Repeat it.",
)
@click.option("--purpose", "purposes", required=True, multiple=True, help="What models may be for. May be repeated.")
@click.option("--map", "map_name", required=True, help="Feature map: the name of a declared one, or a JSON file.")
@click.option("--classes", default="0,1", show_default=True, metavar="NAME,NAME", help="Names of the label's classes.")
@click.option("--profile", type=click.Choice(list(PROFILES)), default=DEFAULT.name, show_default=True)
@click.option(
    "--max-records", type=int, default=100_000, show_default=True, help="Records a job may be on, of all members."
)
@click.option(
    "--max-decryptions", type=int, default=32, show_default=True, help="Sums the custodian may open, of all jobs ever."
)
@click.option("--dual-evaluation", is_flag=True, help="Every member's data set must demand it.")
@connected
def create(
    session: Session,
    name: str,
    members: tuple[str, ...],
    purposes: tuple[str, ...],
    map_name: str,
    classes: str,
    profile: str,
    max_records: int,
    max_decryptions: int,
    dual_evaluation: bool,
) -> None:
    """Call for a collaboration: the custodian makes a key that no member holds.

    What all members must have in common is fixed here, and the keys that speak for them: get each from its member, not
    from the service. Who runs the custodian can read what every member uploads: it must be none of them.

    \b
    Example:
      secure-ds collaboration create wards --member clinic=KEY --member hospital=KEY --purpose research \\
        --map breast_cancer
    """
    body = build(
        CollaborationCreate,
        name=name,
        members=[_member(text) for text in members],
        purposes=list(purposes),
        feature_map=feature_map_of(map_name).model_dump(mode="json"),
        classes=classes.split(","),
        profile=profile,
        max_records=max_records,
        max_decryptions=max_decryptions,
        dual_evaluation_required=dual_evaluation,
    )
    print_collaboration(session.printer, session.client.create_collaboration(body))


def _member(text: str) -> dict[str, str]:
    tenant, equals, key = text.partition("=")
    if not equals:
        raise click.UsageError("--member reads TENANT=KEY; a member learns its key from `secure-ds collaboration key`")
    return {"tenant": tenant, "upload_key": key}
