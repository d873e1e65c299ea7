"""Records in the clear, on their owner's machine: named arrays, one entry per record.

A message about bad records names the row (counted from 0) and the column, never the value.
"""

from collections.abc import Mapping
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
            raise InvalidRecords(f"row {bad[0][0]}, column {name!r}: not a finite number; complete or drop the record")
        return values

    def where(self, keep: npt.NDArray[np.bool_]) -> "Records":
        """Return the records whose entry in `keep` is true."""
        return Records({name: column[keep] for name, column in self.columns.items()})


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


def select_classes(records: Records, column: str, negative: str, positive: str) -> Records:
    """Keep the records of two classes and write their labels as 0 (`negative`) and 1 (`positive`).

    Whether a record stays depends on that record alone.

    Raises:
        InvalidRecords: the two classes are the same, or one of them has no record.
    """
    is_negative, is_positive = (_equals(records.column(column), value) for value in (negative, positive))
    if negative == positive or not is_negative.any() or not is_positive.any():
        raise InvalidRecords(f"column {column!r} must hold records of both classes, {negative!r} and {positive!r}")
    kept = is_negative | is_positive
    selected = records.where(kept)
    return Records({**selected.columns, column: is_positive[kept].astype(np.int64)})


def _equals(column: npt.NDArray[Any], value: str) -> npt.NDArray[np.bool_]:
    if column.dtype.kind in "biuf":
        return np.asarray(column == _number(value))
    return np.asarray(column == value)


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
