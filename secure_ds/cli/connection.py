"""What every command that talks to a service shares: its options, and the session they make."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel, ValidationError

from secure_ds.cli.printing import Printer
from secure_ds.cli.profile import Profile, load_profile
from secure_ds.client.client import Client
from secure_ds.client.trust import TrustFile

Model = TypeVar("Model", bound=BaseModel)
Command = Callable[..., None]

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
url = click.option("--url", metavar="URL", help="Address of the service; else SECURE_DS_URL or the profile.")
token_file = click.option("--token-file", type=click.Path(path_type=Path), help="File with your token (mode 0600).")
trust_file = click.option("--trust-file", type=click.Path(path_type=Path), help="File of pinned keys.")


@dataclass(frozen=True, slots=True)
class Session:
    """A connection to a service, and how to print."""

    client: Client
    profile: Profile
    printer: Printer

    @property
    def trust(self) -> TrustFile:
        """The pinned keys."""
        return TrustFile(self.profile.trust_file)


def connected(function: Command) -> Command:
    """Give a command the connection's options, and a session as its first argument."""

    @url
    @token_file
    @trust_file
    @as_json
    @functools.wraps(function)
    def run(url: str | None, token_file: Path | None, trust_file: Path | None, as_json: bool, **arguments: Any) -> None:
        profile = load_profile(os.environ, url=url, token_file=token_file, trust_file=trust_file)
        with Client(profile.url, profile.token) as client:
            function(Session(client, profile, Printer(as_json=as_json)), **arguments)

    return run


def build(model: type[Model], **values: Any) -> Model:
    """Return a message made of what the user typed; what they left out (`None`) is left out.

    Raises:
        UsageError: a value cannot be used.
    """
    try:
        return model.model_validate({name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        fault = error.errors()[0]
        option = "--" + str(fault["loc"][0]).replace("_", "-")
        raise click.UsageError(f"{option}: {fault['msg'].removeprefix('Value error, ')}") from None
