"""Cells of an owner's file as rows: images channel first, texts as bytes, labels and users as numbers.

Messages name the row (counted from 0) and the column, never a value.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.records import Records
from secure_ds.data.sealed.schema import ImageSchema, Label, TokenSchema, UserUnit

Array = npt.NDArray[Any]


def image_rows(schema: ImageSchema, records: Records) -> npt.NDArray[np.uint8]:
    """Return (n, channels, height, width) uint8.

    The column holds that, or (n, height, width, channels), or (n, height, width) for one channel; where the first two
    are the same shape, channel first is meant.

    Raises:
        InvalidRecords: it has another shape, or pixels that are no whole numbers from 0 to 255.
    """
    pixels, (channels, height, width) = records.column(schema.column), schema.shape
    if channels == 1 and pixels.shape[1:] == (height, width):
        pixels = pixels[:, None]
    elif pixels.shape[1:] != schema.shape and pixels.shape[1:] == (height, width, channels):
        pixels = pixels.transpose(0, 3, 1, 2)
    if pixels.shape[1:] != schema.shape:
        raise InvalidRecords(f"column {schema.column!r} must hold images of {channels} x {height} x {width} pixels")
    return _whole(pixels, schema.column, 256, records.first_row).astype(np.uint8)


def token_rows(schema: TokenSchema, records: Records) -> Array:
    """Return (n, context + 1) tokens.

    Raises:
        InvalidRecords: the column holds no texts, or no integers of the vocabulary in rows of that length.
    """
    tokens = records.column(schema.column)
    if schema.encoding == "bytes" and tokens.dtype.kind == "U":
        return np.stack([_text_row(text, schema) for text in records.texts(schema.column)])
    if tokens.shape[1:] != (schema.row_tokens,):
        raise InvalidRecords(f"column {schema.column!r} must hold {schema.row_tokens} tokens a row: context + 1")
    return _whole(tokens, schema.column, schema.vocabulary, records.first_row).astype(schema.dtype)


def label_indices(label: Label, records: Records) -> npt.NDArray[np.int16]:
    """Return the index of each row's class.

    Raises:
        InvalidRecords: a label is none of the declared classes.
    """
    members = np.column_stack([records.equals(label.column, name) for name in label.classes])
    strange = np.argwhere(members.sum(axis=1) != 1)
    if strange.size:
        row = records.first_row + strange[0][0]
        raise InvalidRecords(f"row {row}, column {label.column!r}: the label must be one of the declared classes")
    indices: npt.NDArray[np.int16] = members.argmax(axis=1).astype(np.int16)
    return indices


class UserIndex:
    """Numbers the users of rows in the order in which they come, and counts the rows of each.

    It holds one number for each user, whatever the number of rows.
    """

    def __init__(self, unit: UserUnit) -> None:
        self._unit = unit
        self._places: dict[Any, int] = {}
        self._rows: list[int] = []

    def __len__(self) -> int:
        """Return the number of users seen."""
        return len(self._rows)

    def of(self, records: Records) -> npt.NDArray[np.int64]:
        """Return (n,) the number of each row's user.

        Raises:
            InvalidRecords: a user has more rows than the unit allows, or a cell names none.
        """
        column = records.column(self._unit.column)
        if column.ndim != 1 or column.dtype.kind not in "iuU":
            raise InvalidRecords(f"column {self._unit.column!r} must name each row's user by a text or a whole number")
        return np.array([self._count(user, records.first_row + at) for at, user in enumerate(column.tolist())])

    def _count(self, user: Any, row: int) -> int:
        if user == "":
            raise InvalidRecords(f"row {row}, column {self._unit.column!r}: the cell names no user")
        place = self._places.setdefault(user, len(self._places))
        if place == len(self._rows):
            self._rows.append(0)
        self._rows[place] += 1
        if self._rows[place] > self._unit.rows_per_unit:
            raise InvalidRecords(
                f"row {row}: its user has more than {self._unit.rows_per_unit} rows; leave rows out, "
                "or declare a higher `rows_per_unit`, which costs accuracy"
            )
        return place


def _text_row(text: str, schema: TokenSchema) -> npt.NDArray[np.uint16]:
    row = np.zeros(schema.row_tokens, schema.dtype)
    data = np.frombuffer(text.encode()[: schema.row_tokens], np.uint8)
    row[: len(data)] = data
    return row


def _whole(values: Array, column: str, below: int, first_row: int) -> Array:
    if values.dtype.kind not in "biuf":
        raise InvalidRecords(f"column {column!r} must hold numbers")
    good = ((values >= 0) & (values < below) & (values == np.floor(values))).reshape(len(values), -1).all(axis=1)
    if not good.all():
        row = first_row + int(np.argmin(good))
        raise InvalidRecords(f"row {row}, column {column!r}: not whole numbers from 0 to {below - 1}")
    return values
