"""Progress bars on stderr, for people at a terminal; silence elsewhere."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from secure_ds.cli.printing import console

Report = Callable[[int, int], None]
"""Told (done, total)."""


@contextmanager
def counted(label: str, unit: str) -> Iterator[Report]:
    """Show a number of things done."""
    with _bar(label, MofNCompleteColumn(), TextColumn(unit)) as report:
        yield report


@contextmanager
def transferred(label: str) -> Iterator[Report]:
    """Show a number of bytes moved."""
    with _bar(label, DownloadColumn(), TransferSpeedColumn()) as report:
        yield report


@contextmanager
def _bar(label: str, *columns: ProgressColumn) -> Iterator[Report]:
    screen = console(sys.stderr)
    layout = (TextColumn("{task.description}"), BarColumn(), *columns, TimeRemainingColumn())
    with Progress(*layout, console=screen, disable=not screen.is_terminal) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
