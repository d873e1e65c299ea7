"""Records in the clear, on their owner's machine: named arrays, one entry per record.

A message about bad records names the row (counted from 0) and the column, never the value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from secure_ds.data.errors import InvalidRecords

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Records:
    """Named columns whose first axis counts records; a cell is a number, a text, or an array such as an image."""

    columns: Mapping[str, npt.NDArray[Any]] = field(repr=False)
    first_row: int = 0  # where these records begin in what was read, so that messages name the owner's rows

    def __post_init__(self) -> None:
        """Check that there is at least one column and one record, and that all columns count the same records."""
        lengths = {column.shape[0] if column.ndim else 0 for column in self.columns.values()}
        if len(lengths) != 1 or lengths == {0}:
            raise InvalidRecords("columns must be arrays over the same records, at least one record")

    def __len__(self) -> int:
        """Return the number of records."""
        return int(next(iter(self.columns.values())).shape[0])

    def column(self, name: str) -> npt.NDArray[Any]:
        """Return one column as it was read.

        Raises:
            InvalidRecords: there is no such column.
        """
        try:
            return self.columns[name]
        except KeyError:
            known = ", ".join(sorted(self.columns)[:20])
            raise InvalidRecords(f"there is no column {name!r}; there are: {known}") from None

    def numeric(self, name: str) -> FloatArray:
        """Return one column as finite float64, any shape.

        Raises:
            InvalidRecords: a cell is missing, not a number, or not finite.
        """
        values = _as_floats(self.column(name))
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            row = self.first_row + bad[0][0]
            raise InvalidRecords(f"row {row}, column {name!r}: not a finite number; complete or drop the record")
        return values

    def texts(self, name: str) -> list[str]:
        """Return one column of texts.

        Raises:
            InvalidRecords: a cell is not a text.
        """
        column = self.column(name)
        if column.dtype.kind != "U" or column.ndim != 1:
            raise InvalidRecords(f"column {name!r} must hold one text per record")
        return [str(cell) for cell in column]

    def equals(self, name: str, value: str) -> npt.NDArray[np.bool_]:
        """Return for each record whether its cell is `value`; cells of a numeric column are compared as numbers."""
        column = self.column(name)
        return np.asarray(column == (_number(value) if column.dtype.kind in "biuf" else value))

    def where(self, keep: npt.NDArray[np.bool_]) -> "Records":
        """Return the records whose entry in `keep` is true."""
        return Records({name: column[keep] for name, column in self.columns.items()})

    def batches(self, size: int) -> Iterator["Records"]:
        """Yield all records in order, at most `size` at a time, without copying them."""
        for start in range(0, len(self), size):
            columns = {name: column[start : start + size] for name, column in self.columns.items()}
            yield Records(columns, first_row=self.first_row + start)


def class_labels(records: Records, column: str, n_classes: int) -> npt.NDArray[np.int64]:
    """Return the labels of all records, each 0 to n_classes - 1.

    Raises:
        InvalidRecords: a label is anything else.
    """
    labels = records.numeric(column)
    bad = np.argwhere(~np.isin(labels, np.arange(n_classes)))
    if bad.size:
        raise InvalidRecords(f"row {bad[0][0]}, column {column!r}: a label must be a whole number below {n_classes}")
    return labels.reshape(len(records)).astype(np.int64)


def select_classes(records: Records, column: str, classes: Sequence[str]) -> Records:
    """Keep the records whose label is one of `classes`, and write their labels as its index there: 0, 1, ...

    Whether a record stays, and as what, depends on that record alone.

    Raises:
        InvalidRecords: there are fewer than two classes, two are the same, or one of them has no record.
    """
    members = [records.equals(column, name) for name in classes]
    absent = [name for name, member in zip(classes, members, strict=True) if not member.any()]
    if len(members) < 2 or absent:
        raise InvalidRecords(f"column {column!r} must hold records of two classes or more, and of all: {absent} absent")
    if np.sum(members, axis=0).max() > 1:
        raise InvalidRecords(f"column {column!r}: two of the declared classes are the same")
    kept = np.any(members, axis=0)
    selected = records.where(kept)
    return Records({**selected.columns, column: np.argmax(members, axis=0)[kept].astype(np.int64)})


def _as_floats(column: npt.NDArray[Any]) -> FloatArray:
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    return np.array([_number(cell) for cell in column.ravel()], dtype=np.float64).reshape(column.shape)


def _number(cell: Any) -> float:
    """Return a cell as a number, NaN where it is none."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")
