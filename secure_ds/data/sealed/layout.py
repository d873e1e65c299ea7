"""How rows lie in a part, and how they come out of it again.

Rules kept here:

1. Columns are of fixed width, plain and uncompressed: a part's size follows from schema and row count, and says nothing
   of the records.
2. What is read is held against the schema: types (no column may have empty cells) and ranges. A `ValueError` here is
   the container's fault, and becomes its one refusal in `secure_ds.data.sealed.container`.

Columns: table: one float32 between 0 and 1 for each number, one int32 for each category, its index (their number for a
value that is not declared); images and tokens: one fixed-size binary. Then int16 `label`, and int64 `unit` for users.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.feature_maps.declared_table import Categories
from secure_ds.data.records import Records
from secure_ds.data.sealed.rows import image_rows, label_indices, token_rows
from secure_ds.data.sealed.schema import Column, ImageSchema, Schema, TableSchema, TokenSchema, UserUnit

LABEL: Final = "label"
UNIT: Final = "unit"
ROWS: Final = "rows"

Array = npt.NDArray[Any]


def arrow_schema(schema: Schema) -> pa.Schema:
    """Return the one Arrow schema that parts of a data set have."""
    match schema:
        case TableSchema():
            fields = [
                (f"column_{place}", pa.int32() if isinstance(column, Categories) else pa.float32())
                for place, column in enumerate(schema.columns)
            ]
        case ImageSchema() | TokenSchema():
            fields = [(ROWS, pa.binary(row_bytes(schema)))]
    if not isinstance(schema, TokenSchema):
        fields.append((LABEL, pa.int16()))
    if isinstance(schema.privacy_unit, UserUnit):
        fields.append((UNIT, pa.int64()))
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in fields])


def row_bytes(schema: Schema) -> int:
    """Bytes of one row's inputs as stored."""
    match schema:
        case TableSchema():
            return 4 * len(schema.columns)
        case ImageSchema():
            return schema.channels * schema.height * schema.width
        case TokenSchema():
            return schema.row_tokens * schema.dtype.itemsize


def encode(schema: Schema, records: Records, units: npt.NDArray[np.int64] | None) -> pa.Table:
    """Return the rows of a batch as they are stored.

    Args:
        schema: what the records are.
        records: in the clear, named as the schema names them.
        units: index of each row's user; None where the unit is a record.

    Raises:
        InvalidRecords: a column is absent, or a cell cannot be used; the message names the row, never a value.
    """
    arrays: list[pa.Array]
    match schema:
        case TableSchema():
            arrays = [pa.array(_stored(column, records)) for column in schema.columns]
        case ImageSchema():
            arrays = [_binary(image_rows(schema, records), row_bytes(schema))]
        case TokenSchema():
            arrays = [_binary(token_rows(schema, records), row_bytes(schema))]
    if not isinstance(schema, TokenSchema):
        arrays.append(pa.array(label_indices(schema.label, records)))
    if units is not None:
        arrays.append(pa.array(units))
    if any(len(array) != len(records) for array in arrays):
        raise InvalidRecords("every column must have one cell per record")
    return pa.Table.from_arrays(arrays, schema=arrow_schema(schema))


def decode(schema: Schema, batch: pa.RecordBatch) -> tuple[Array, Array, npt.NDArray[np.int64] | None]:
    """Return (inputs, targets, unit indices or None) of stored rows, of the shapes that the schema gives.

    Raises:
        ValueError: a cell is outside its declared range.
    """
    inputs, targets = _inputs(schema, batch)
    units = batch.column(UNIT).to_numpy() if isinstance(schema.privacy_unit, UserUnit) else None
    return inputs, targets, units


def _inputs(schema: Schema, batch: pa.RecordBatch) -> tuple[Array, Array]:
    n = batch.num_rows
    match schema:
        case TableSchema():
            stored = zip(schema.columns, batch.columns, strict=False)
            inputs = np.hstack([_features(column, cells.to_numpy()) for column, cells in stored])
            return inputs, _labels(schema, batch)
        case ImageSchema():
            return _rows(batch, np.dtype(np.uint8)).reshape(n, *schema.shape), _labels(schema, batch)
        case TokenSchema():
            tokens = _rows(batch, schema.dtype).reshape(n, schema.row_tokens)
            _within(tokens, 0, schema.vocabulary - 1)
            return tokens[:, :-1], tokens[:, 1:]


def _stored(column: Column, records: Records) -> Array:
    features = column.features(records)
    if not isinstance(column, Categories):
        return features[:, 0].astype(np.float32)
    known = features.any(axis=1)
    return np.where(known, features.argmax(axis=1), len(column.values)).astype(np.int32)


def _features(column: Column, cells: Array) -> npt.NDArray[np.float32]:
    if not isinstance(column, Categories):
        _within(cells, 0.0, 1.0)
        return cells.astype(np.float32).reshape(-1, 1)
    _within(cells, 0, len(column.values))
    return np.eye(len(column.values) + 1, column.width, dtype=np.float32)[cells]


def _labels(schema: TableSchema | ImageSchema, batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    labels: npt.NDArray[np.int64] = batch.column(LABEL).to_numpy().astype(np.int64)
    _within(labels, 0, len(schema.label.classes) - 1)
    return labels


def _within(values: Array, low: float, high: float) -> None:
    if not ((values >= low) & (values <= high)).all():  # so written, NaN is outside
        raise ValueError("a cell is outside its declared range")


def _binary(rows: Array, width: int) -> pa.Array:
    data = np.ascontiguousarray(rows)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, pa.py_buffer(data)])


def _rows(batch: pa.RecordBatch, dtype: np.dtype[Any]) -> Array:
    column = batch.column(ROWS)
    width = column.type.byte_width
    return np.frombuffer(column.buffers()[1], np.uint8, batch.num_rows * width, column.offset * width).view(dtype)
