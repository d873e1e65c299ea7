"""Command groups that import a command only when it is run: `--help` is quick, and a client installation needs only
what its commands use.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class Row:
    """One command: where it is (`module:attribute`) and the one line that help shows for it."""

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, _, attribute = self.target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


class LazyGroup(click.Group):
    """A group of rows and further groups, in the order of its table."""

    def __init__(self, name: str, help: str, rows: Mapping[str, "Row | LazyGroup"]) -> None:
        super().__init__(name, help=help, no_args_is_help=True)
        self.rows = rows

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the table."""
        return list(self.rows)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported now."""
        row = self.rows.get(cmd_name)
        return row.load() if isinstance(row, Row) else row

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table into the help, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(row)) for name, row in self.rows.items()])


def _summary(row: "Row | LazyGroup") -> str:
    return row.summary if isinstance(row, Row) else (row.help or "").partition("\n")[0]
