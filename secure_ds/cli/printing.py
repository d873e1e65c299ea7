"""How results are shown: tables for people, JSON for programs (`--json`); results on stdout, everything else on stderr.

Texts from the service are printed as plain text: nothing in them is taken for markup.
"""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 200  # columns, where there is no terminal to measure

Columns = Mapping[str, Callable[[Any], Any]]


class Printer:
    """Prints results in one of the two forms."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = console(sys.stdout)

    def one(self, message: BaseModel, rows: Mapping[str, Any]) -> None:
        """Print one result: `rows` name what people want to see of it."""
        if self.as_json:
            self.json(message.model_dump(mode="json"))
            return
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        table.add_column(style="bold", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(name, _cell(value))
        self._console.print(table)

    def many(self, messages: Iterable[BaseModel], columns: Columns) -> None:
        """Print a list: `columns` name what people want to see of each."""
        found = list(messages)
        if self.as_json:
            self.json([message.model_dump(mode="json") for message in found])
            return
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in columns:
            table.add_column(name, overflow="fold")
        for message in found:
            table.add_row(*(_cell(show(message)) for show in columns.values()))
        self._console.print(table if found else Text("none"))

    def done(self, sentence: str, **facts: Any) -> None:
        """Print that something was done: a sentence for people, facts for programs."""
        if self.as_json:
            self.json(facts)
        else:
            print(sentence)

    def json(self, value: Any) -> None:
        """Print a JSON document."""
        print(json.dumps(value, indent=2, sort_keys=True))

    def json_line(self, message: BaseModel) -> None:
        """Print one line of a stream of JSON."""
        print(message.model_dump_json(), flush=True)

    def note(self, text: str) -> None:
        """Tell people something that is not the result."""
        console(sys.stderr).print(Text(text))


def console(stream: Any) -> Console:
    """Return a console that does not cut lines where there is no terminal."""
    plain = Console(file=stream, highlight=False)
    return plain if plain.is_terminal else Console(file=stream, highlight=False, width=PIPE_WIDTH)


def _cell(value: Any) -> Text:
    if value is None:
        return Text("-")
    if isinstance(value, float):
        return Text(f"{value:.6g}")
    if isinstance(value, (list, tuple, set, frozenset)):
        return Text(", ".join(map(str, value)) or "-")
    return Text(str(value))
