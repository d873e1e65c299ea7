"""The driver of `make bench`: runs benchmarks, prints a table for each and writes `results/<date>-<name>.json`.

Exit code 1 when a target is missed or the named benchmark does not exist. A benchmark whose data file is absent is
skipped, and says so; its last result stays.
"""

import json
import pkgutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.data_files import MissingData
from benchmarks.machine import describe_machine
from benchmarks.rows import Row

HOME = Path(__file__).parent
NOT_BENCHMARKS = frozenset({"comparison", "data_files", "harness", "machine", "rows", "run", "sealed_runs"})


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all of them; return the exit code."""
    console = Console()
    known = benchmark_names()
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        console.print(f"there is no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
        return 1
    missed = [row for name in arguments or known for row in _measure(name, console) if row.holds is False]
    for row in missed:
        console.print(f"[red]missed[/red] {row.name}: {row.value:.4g} {row.unit}, target {row.target}")
    return 1 if missed else 0


def benchmark_names() -> list[str]:
    """The benchmarks there are, in alphabetical order."""
    names = (module.name for module in pkgutil.iter_modules([str(HOME)]))
    return sorted(name for name in names if name not in NOT_BENCHMARKS and not name.startswith("_"))


def result_path(name: str, day: date) -> Path:
    """Where the results of one benchmark on one day lie; a second run on that day replaces the first."""
    return HOME / "results" / f"{day.isoformat()}-{name}.json"


def result_document(name: str, rows: Sequence[Row], taken_at: datetime) -> str:
    """The JSON that is kept: what was measured, when, and on which machine."""
    document = {
        "benchmark": name,
        "taken_at": taken_at.isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "rows": [asdict(row) for row in rows],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def result_table(name: str, rows: Sequence[Row]) -> Table:
    """The rows as a table for people."""
    table = Table("measured", "value", "unit", "against", "ratio", "target", "holds", title=name)
    for row in rows:
        table.add_row(
            row.name,
            f"{row.value:.4g}",
            row.unit,
            row.against or "",
            "" if row.ratio is None else f"{row.ratio:.3g}",
            row.target or "",
            {None: "", True: "yes", False: "[red]NO[/red]"}[row.holds],
        )
    return table


def _measure(name: str, console: Console) -> list[Row]:
    run: Callable[[], list[Row]] = import_module(f"benchmarks.{name}").run
    try:
        rows = run()
    except MissingData as missing:
        console.print(f"[bold yellow]SKIPPED[/bold yellow] {name}: {missing}")
        return []
    taken_at = datetime.now(UTC)
    console.print(result_table(name, rows))
    path = result_path(name, taken_at.date())
    path.parent.mkdir(exist_ok=True)
    path.write_text(result_document(name, rows, taken_at), encoding="utf-8")
    console.print(f"written to {path.relative_to(HOME.parent)}\n")
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
