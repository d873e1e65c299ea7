"""Read records from files a batch at a time: what `secure_ds.data.loading` reads whole, for files larger than memory.

A file is read as often as it is asked for; at no time is more of it held than one batch.
"""

import csv
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from secure_ds.data.errors import InvalidRecords, UnreadableFile
from secure_ds.data.loading import json_column, open_text
from secure_ds.data.records import Records

Batches = Callable[[int], Iterator[Records]]
"""Given the rows of a batch, reads the file from its beginning."""


def stream(path: Path, members: Mapping[str, str] | None = None) -> Batches:
    """Return the reader of a data file by its suffix: `.csv`, `.csv.gz`, `.jsonl`, `.jsonl.gz` or `.npz`.

    Args:
        path: the file.
        members: for `.npz`: name of an array to name of its column; every array under its own name where absent.

    Raises:
        UnreadableFile: the suffix is another one; or, while reading, the content does not fit it.
    """
    if path.name.endswith(".npz"):
        return lambda size: _npz(path, members, size)
    for suffixes, reader in _READERS.items():
        if path.name.endswith(suffixes):
            return lambda size: reader(path, size)
    raise UnreadableFile(f"{path.name}: the name must end in one of .npz, {', '.join(itertools.chain(*_READERS))}")


def stream_windows(path: Path, column: str, width: int) -> Batches:
    """Return the reader of any file as rows of `width` bytes, one after the other; what is left at the end is dropped.

    Raises:
        UnreadableFile: while reading, it cannot be read, or is shorter than a row.
    """
    return lambda size: _windows(path, column, width, size)


def count_rows(batches: Batches, size: int) -> int:
    """Return the number of rows by reading the file once."""
    return sum(len(batch) for batch in batches(size))


def _csv(path: Path, size: int) -> Iterator[Records]:
    try:
        with open_text(path) as lines:
            rows = csv.reader(lines)
            header = next(rows)
            if len(set(header)) != len(header):
                raise UnreadableFile(f"{path.name}: two columns have the same name")
            for first, batch in _batched(rows, size):
                for number, row in enumerate(batch):
                    if len(row) != len(header):
                        raise UnreadableFile(
                            f"{path.name}: row {first + number} has {len(row)} cells, the header has {len(header)}"
                        )
                yield _records(path, dict(zip(header, map(np.array, zip(*batch, strict=True)), strict=True)), first)
    except (OSError, ValueError, EOFError, csv.Error, StopIteration) as error:
        raise UnreadableFile(f"{path.name}: not a CSV file with a header ({type(error).__name__})") from None


def _json_lines(path: Path, size: int) -> Iterator[Records]:
    try:
        with open_text(path) as lines:
            keys: Any = None
            for first, batch in _batched((json.loads(line) for line in lines), size):
                for number, row in enumerate(batch):
                    keys = row.keys() if keys is None and isinstance(row, dict) else keys
                    if not isinstance(row, dict) or row.keys() != keys:
                        raise UnreadableFile(
                            f"{path.name}: line {first + number} is no JSON object with the keys of the first"
                        )
                yield _records(path, {name: json_column(path, name, batch) for name in keys}, first)
    except (OSError, ValueError, EOFError, RecursionError) as error:
        raise UnreadableFile(f"{path.name}: not a file of JSON lines ({type(error).__name__})") from None


def _npz(path: Path, members: Mapping[str, str] | None, size: int) -> Iterator[Records]:
    """Arrays side by side, each read from its own place in the archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = members or {name.removesuffix(".npy"): name.removesuffix(".npy") for name in archive.namelist()}
            columns = {column: _Rows(archive.open(f"{name}.npy")) for name, column in names.items()}
            lengths = {rows.length for rows in columns.values()}
            if len(lengths) != 1:
                raise UnreadableFile(f"{path.name}: its arrays must be over the same records, at least one")
            for first in range(0, lengths.pop(), size):
                yield _records(path, {name: rows.take(size) for name, rows in columns.items()}, first)
    except KeyError as error:
        raise UnreadableFile(f"{path.name}: {error}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise UnreadableFile(f"{path.name}: not an NPZ file of plain arrays ({type(error).__name__})") from None


def _windows(path: Path, column: str, width: int, size: int) -> Iterator[Records]:
    try:
        with path.open("rb") as file:
            first = 0
            while rows := len(data := file.read(width * size)) // width:
                yield Records({column: np.frombuffer(data, np.uint8, rows * width).reshape(rows, width)}, first)
                first += rows
                del data
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be read ({type(error).__name__})") from None
    if not first:
        raise UnreadableFile(f"{path.name}: shorter than one row of {width} bytes")


class _Rows:
    """The rows of one `.npy` file, from the first on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        version = npy.read_magic(file)
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = read_header(file)
        if fortran or dtype.hasobject or not shape:
            raise ValueError("not an array of plain rows")
        self.length, self._shape, self._dtype = shape[0], shape[1:], dtype

    def take(self, rows: int) -> npt.NDArray[Any]:
        """Return the next rows, fewer at the end."""
        row = self._dtype.itemsize * int(np.prod(self._shape, dtype=np.int64))
        data = self._file.read(rows * row)
        return np.frombuffer(data, self._dtype).reshape(-1, *self._shape)


def _batched(rows: Iterator[Any], size: int) -> Iterator[tuple[int, list[Any]]]:
    """Yield (number of the first row, rows)."""
    first = 0
    while batch := list(itertools.islice(rows, size)):
        yield first, batch
        first += len(batch)
        del batch


def _records(path: Path, columns: dict[str, npt.NDArray[Any]], first_row: int) -> Records:
    try:
        return Records(columns, first_row)
    except InvalidRecords as error:
        raise UnreadableFile(f"{path.name}: {error}") from None


_READERS: Final[dict[tuple[str, ...], Callable[[Path, int], Iterator[Records]]]] = {
    (".csv", ".csv.gz"): _csv,
    (".jsonl", ".jsonl.gz"): _json_lines,
}
