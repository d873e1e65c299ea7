"""The container: encrypted Parquet parts, written and read as streams.

Rules kept here:

1. Modular encryption, AES-256-GCM, footer included, one key a part (`part_key`). The AAD prefix, data set, number and
   count of parts, is not in the file: whoever reads a part says which one it must be.
2. Writing holds one batch in the clear, however many there are; a part is bounded in size.
3. Reading believes digests before bytes, and the schema before values. Every failure is the same `ContainerRefused`.

Source: Parquet Modular Encryption (apache/parquet-format, Encryption.md).
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import rfc8785

from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import ContainerRefused, InvalidRecords
from secure_ds.data.records import Records
from secure_ds.data.sealed.descriptor import FORMAT, Part, SealedDescriptor
from secure_ds.data.sealed.key import part_key
from secure_ds.data.sealed.layout import Array, arrow_schema, decode, encode, row_bytes
from secure_ds.data.sealed.rows import UserIndex
from secure_ds.data.sealed.schema import Schema, UserUnit

PART_BYTES: Final = 2**25  # of inputs in the clear; what a reader holds beside the records
BATCH_BYTES: Final = 2**22
MAX_BATCH_ROWS: Final = 2**14
_ENCRYPTED: Final = b"PARE"  # first and last bytes of a Parquet file with an encrypted footer


@dataclass(frozen=True)
class OpenedRecords:
    """All records of a data set, in the clear: in the memory of a trainer, and nowhere else.

    Attributes:
        inputs: (rows, *schema.shape): float32 between 0 and 1 for a table, uint8 for images, uint16 or int32 for
            tokens.
        targets: (rows,) int64 classes; for tokens (rows, context), the token that follows each input.
        units: (rows,) int64, the privacy unit of each row, from 0 to n_units - 1; every unit has a row.
    """

    inputs: Array
    targets: Array
    units: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        """Say how many, and nothing of what."""
        return f"OpenedRecords({len(self.inputs)} rows)"


def rows_per_part(schema: Schema) -> int:
    """Rows of every part but the last."""
    return max(1, PART_BYTES // row_bytes(schema))


def batch_rows(schema: Schema) -> int:
    """Rows to read at a time: what a writer holds in the clear."""
    return min(MAX_BATCH_ROWS, max(1, BATCH_BYTES // row_bytes(schema)))


def part_binding(dataset_id: str, part: int, parts: int) -> bytes:
    """Return what a part is bound to, as AAD prefix and for its key: canonical JSON.

    Args:
        dataset_id: id of the data set.
        part: number of the part, from 0.
        parts: how many there are.
    """
    return rfc8785.dumps({"format": FORMAT, "dataset_id": dataset_id, "part": part, "parts": parts})


class ContainerWriter:
    """Writes batches of records as the parts of one data set."""

    def __init__(
        self, schema: Schema, dataset_id: str, data_key: bytes, n_rows: int, part_rows: int | None = None
    ) -> None:
        """Prepare to write.

        Args:
            schema: what the records are.
            dataset_id: of the new data set.
            data_key: 32 fresh bytes; see `secure_ds.data.sealed.key`.
            n_rows: how many rows will come; the number of parts is bound in, and so must be known first.
            part_rows: rows a part; fewer than `rows_per_part` for tests alone.
        """
        self._schema, self._dataset_id, self._data_key, self._n_rows = schema, dataset_id, data_key, n_rows
        self._part_rows = part_rows or rows_per_part(schema)
        self._users = UserIndex(schema.privacy_unit) if isinstance(schema.privacy_unit, UserUnit) else None
        self.n_parts = -(-n_rows // self._part_rows)

    @property
    def n_units(self) -> int:
        """Privacy units among the rows written so far, all of them at the end."""
        return self._n_rows if self._users is None else len(self._users)

    def write(self, batches: Iterable[Records], create: Callable[[int], BinaryIO]) -> Iterator[Part]:
        """Write all rows, and yield each part once its file is complete.

        Args:
            batches: the records; one batch is held at a time, and let go before the next is asked for.
            create: opens the file of a part for writing; this closes it.

        Raises:
            InvalidRecords: a cell cannot be used, a user has too many rows, or there are not `n_rows` rows.
        """
        tables = _Rows(self._encoded(batches))
        for number in range(self.n_parts):
            rows = min(self._part_rows, self._n_rows - number * self._part_rows)
            with create(number) as file:
                yield self._write_part(number, rows, tables, file)
        if next(tables.take(1), None) is not None:
            raise InvalidRecords(f"there are more than the {self._n_rows} rows that were counted; read the file again")

    def _encoded(self, batches: Iterable[Records]) -> Iterator[pa.Table]:
        source = iter(batches)
        while (batch := next(source, None)) is not None:
            encoded = encode(self._schema, batch, None if self._users is None else self._users.of(batch))
            del batch  # rule 2: gone before the next one is asked for
            yield encoded
            del encoded

    def _write_part(self, number: int, rows: int, tables: "_Rows", file: BinaryIO) -> Part:
        binding = part_binding(self._dataset_id, number, self.n_parts)
        properties = pe.create_encryption_properties(
            part_key(self._data_key, binding), aad_prefix=binding, store_aad_prefix=False
        )
        digesting = _Digesting(file)
        written = 0
        with pq.ParquetWriter(
            pa.PythonFile(digesting, mode="w"),
            arrow_schema(self._schema),
            encryption_properties=properties,
            compression="none",
            use_dictionary=False,
            write_statistics=False,
            store_schema=False,
        ) as writer:
            for table in tables.take(rows):
                writer.write_table(table)
                written += table.num_rows
                del table
        if written != rows:
            raise InvalidRecords(f"there are fewer than the {self._n_rows} rows that were counted; read the file again")
        return Part(digest=digesting.digest, bytes=digesting.tell(), rows=rows)


def open_container(descriptor: SealedDescriptor, data_key: bytes, read_part: Callable[[Part], bytes]) -> OpenedRecords:
    """Return all records of a container, opened part by part; beside them one part is held.

    Args:
        descriptor: of the data set, whose signature was checked.
        data_key: its 32-byte key.
        read_part: returns the bytes of a part's file; what it raises passes through.

    Raises:
        ContainerRefused: a part is not the one that was sealed, or holds what the schema does not allow.
    """
    schema, n_rows = descriptor.records, descriptor.n_rows
    opened: OpenedRecords | None = None
    at = 0
    for number, part in enumerate(descriptor.parts):
        data = read_part(part)
        for inputs, targets, units in _opened_part(descriptor, data_key, number, data):
            if opened is None:
                opened = _room(schema, n_rows, inputs, targets)
            here = slice(at, at + len(inputs))
            opened.inputs[here], opened.targets[here] = inputs, targets
            if units is not None:
                opened.units[here] = units
            at += len(inputs)
        del data
    if opened is None or not _units_hold(descriptor, opened.units):
        raise ContainerRefused
    return opened


def _opened_part(
    descriptor: SealedDescriptor, data_key: bytes, number: int, data: bytes
) -> Iterator[tuple[Array, Array, npt.NDArray[np.int64] | None]]:
    """Yield what a part's row groups hold, each checked; exactly as many rows as the descriptor says."""
    part = descriptor.parts[number]
    if len(data) != part.bytes or digest_bytes(data) != part.digest:
        raise ContainerRefused
    binding = part_binding(descriptor.dataset_id, number, len(descriptor.parts))
    left = part.rows
    try:
        for batch in _batches(data, part_key(data_key, binding), binding, arrow_schema(descriptor.records)):
            left -= batch.num_rows
            if left < 0:
                raise ContainerRefused
            yield decode(descriptor.records, batch)
    except (OSError, ValueError, pa.ArrowException):  # all of pyarrow's, and `decode`'s
        raise ContainerRefused from None
    if left:
        raise ContainerRefused


def _batches(data: bytes, key: bytes, binding: bytes, expected: pa.Schema) -> Iterator[pa.RecordBatch]:
    if not (data.startswith(_ENCRYPTED) and data.endswith(_ENCRYPTED)):
        raise ContainerRefused
    properties = pe.create_decryption_properties(key, aad_prefix=binding)
    with pq.ParquetFile(pa.BufferReader(data), decryption_properties=properties) as file:
        if not file.schema_arrow.equals(expected):
            raise ContainerRefused
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, use_threads=False).to_batches()


def _room(schema: Schema, n_rows: int, inputs: Array, targets: Array) -> OpenedRecords:
    """Room for all rows, of the types of the first ones; rows are their own units until others come."""
    return OpenedRecords(
        inputs=np.empty((n_rows, *schema.shape), inputs.dtype),
        targets=np.empty((n_rows, *targets.shape[1:]), targets.dtype),
        units=np.arange(n_rows, dtype=np.int64),
    )


def _units_hold(descriptor: SealedDescriptor, units: npt.NDArray[np.int64]) -> bool:
    """Whether every unit has a row, none has more than it may, and there are no others."""
    if units.min() < 0 or units.max() >= descriptor.n_units:
        return False
    counts = np.bincount(units, minlength=descriptor.n_units)
    return bool(counts.min() >= 1 and counts.max() <= descriptor.rows_per_unit)


class _Rows:
    """Rows that come in tables of any length, handed out in pieces that end where they are to end."""

    def __init__(self, source: Iterator[pa.Table]) -> None:
        self._source, self._held = source, None

    def take(self, rows: int) -> Iterator[pa.Table]:
        """Yield the next so many rows, or as many as there are, without holding on to what was yielded."""
        while rows:
            if self._held is None and (table := next(self._source, None)) is not None:
                self._held = table
                del table
            if self._held is None:
                return
            piece = self._held.slice(0, rows)
            self._held = self._held.slice(rows) if piece.num_rows < self._held.num_rows else None
            rows -= piece.num_rows
            yield piece
            del piece


class _Digesting(io.RawIOBase):
    """A file that is written once, from its beginning, with the digest of what went in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self._length = file, hashlib.sha256(), 0

    @property
    def digest(self) -> str:
        """The `sha256:` digest of everything written."""
        return f"sha256:{self._hash.hexdigest()}"

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: Any) -> int:
        self._file.write(data)
        self._hash.update(data)
        self._length += len(data)
        return len(data)
