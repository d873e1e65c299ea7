"""Read records from files: CSV with a header and JSON Lines (plain or gzip), and NPZ (never with pickles)."""

import csv
import gzip
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np
import numpy.typing as npt

from secure_ds.data.errors import InvalidRecords, UnreadableFile
from secure_ds.data.records import Records


def load(path: Path) -> Records:
    """Read a data file by its suffix: `.csv`, `.csv.gz`, `.jsonl`, `.jsonl.gz` or `.npz`.

    Raises:
        UnreadableFile: the suffix is another one, or the content does not fit it.
    """
    for suffix, reader in _READERS.items():
        if path.name.endswith(suffix):
            return reader(path)
    raise UnreadableFile(f"{path.name}: the name must end in one of {', '.join(_READERS)}")


def load_csv(path: Path) -> Records:
    """Read a CSV file whose first row names its columns; cells stay text until a number is asked for.

    Raises:
        UnreadableFile: it is not UTF-8 CSV with a header, or rows differ in length (the first after the header is 0).
    """
    try:
        with open_text(path) as lines:
            header, *rows = csv.reader(lines)
    except (OSError, ValueError, EOFError, csv.Error) as error:
        raise UnreadableFile(f"{path.name}: not a CSV file with a header ({type(error).__name__})") from None
    if len(set(header)) != len(header):
        raise UnreadableFile(f"{path.name}: two columns have the same name")
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise UnreadableFile(f"{path.name}: row {number} has {len(row)} cells, the header has {len(header)}")
    return _records(path, dict(zip(header, map(np.array, zip(*rows, strict=True)), strict=False)))


def load_json_lines(path: Path) -> Records:
    """Read one JSON object per line; all have the same keys, and a key holds texts or numbers, not both.

    Raises:
        UnreadableFile: it is something else; the message names the line (counted from 0) or the key, never a value.
    """
    try:
        with open_text(path) as lines:
            rows = [json.loads(line) for line in lines]
    except (OSError, ValueError, EOFError, RecursionError) as error:
        raise UnreadableFile(f"{path.name}: not a file of JSON lines ({type(error).__name__})") from None
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != rows[0].keys():
            raise UnreadableFile(f"{path.name}: line {number} is no JSON object with the keys of the first")
    return _records(path, {name: json_column(path, name, rows) for name in (rows[0] if rows else ())})


def load_npz(path: Path, members: Mapping[str, str] | None = None) -> Records:
    """Read arrays of an NPZ file as columns.

    Args:
        path: the file.
        members: name of an array in the file to name of its column, e.g. `{"x_train": "image", "y_train": "label"}`;
            every array under its own name where this is absent.

    Raises:
        UnreadableFile: it is no NPZ file, needs unpickling, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = members or {name: name for name in archive.files}
            return _records(path, {column: archive[name] for name, column in columns.items()})
    except KeyError as error:
        raise UnreadableFile(f"{path.name}: there is no array {error}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"{path.name}: not an NPZ file of plain arrays ({type(error).__name__})") from None


def json_column(path: Path, name: str, rows: list[dict[str, Any]]) -> npt.NDArray[Any]:
    """Return one key of JSON objects as a column. Raises `UnreadableFile`: it holds more than one kind."""
    cells = [row[name] for row in rows]
    if not (all(type(cell) is str for cell in cells) or all(type(cell) in (int, float) for cell in cells)):
        raise UnreadableFile(f"{path.name}: key {name!r} must hold texts only, or numbers only")
    return np.array(cells) if type(cells[0]) is str else np.array(cells, dtype=np.float64)


def _records(path: Path, columns: dict[str, np.ndarray]) -> Records:
    try:
        return Records(columns)
    except InvalidRecords as error:
        raise UnreadableFile(f"{path.name}: {error}") from None


def open_text(path: Path) -> IO[str]:
    """Open a UTF-8 text, unpacked if it is gzip."""
    if path.name.endswith(".gz"):
        return cast(IO[str], gzip.open(path, "rt", encoding="utf-8", newline=""))
    return path.open(encoding="utf-8", newline="")


_READERS: Final[dict[str, Callable[[Path], Records]]] = {
    ".csv": load_csv,
    ".csv.gz": load_csv,
    ".jsonl": load_json_lines,
    ".jsonl.gz": load_json_lines,
    ".npz": load_npz,
}
