"""What is sealed comes back as it was declared; whatever was done to a container in between is refused in one way."""

import io
import os
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import ContainerRefused, InvalidRecords
from secure_ds.data.records import Records
from secure_ds.data.sealed import container
from secure_ds.data.sealed.container import ContainerWriter, OpenedRecords, open_container, part_binding, rows_per_part
from secure_ds.data.sealed.descriptor import Part
from secure_ds.data.sealed.key import part_key
from secure_ds.data.sealed.layout import arrow_schema, encode
from secure_ds.data.sealed.schema import Schema, TableSchema, TokenSchema, UserUnit
from tests.data.sealed.examples import (
    DATASET,
    KEY,
    Container,
    Kept,
    describe,
    example_records,
    example_schema,
    schemas,
    seal_records,
)

ONE_REFUSAL = "the container is not the one that was sealed for this data set under this key"
KINDS = ["table", "images", "tokens"]


def opened(sealed: Container, key: bytes = KEY) -> OpenedRecords:
    return open_container(sealed.descriptor, key, sealed.read)


def refused(sealed: Container, key: bytes = KEY) -> None:
    with pytest.raises(ContainerRefused) as error:
        opened(sealed, key)
    assert str(error.value) == ONE_REFUSAL
    assert error.value.__cause__ is None


def relisted(sealed: Container) -> Container:
    """The container with the digests and sizes of its files as they are now: the encryption is on its own."""
    parts = [
        Part(digest=digest_bytes(data), bytes=len(data), rows=part.rows)
        for data, part in zip(sealed.files, sealed.descriptor.parts, strict=True)
    ]
    descriptor = sealed.descriptor.model_copy(update={"parts": tuple(parts)})
    return Container(type(descriptor).model_validate(descriptor.model_dump()), sealed.files)


# Round trips


def expected_inputs(schema: Schema, records: Records) -> np.ndarray[Any, Any]:
    """What the schema says the inputs are, row by row and cell by cell."""
    match schema:
        case TableSchema():
            rows = []
            for row in range(len(records)):
                cells: list[float] = []
                for column in schema.columns:
                    value = records.column(column.name)[row]
                    if hasattr(column, "low"):
                        clipped = min(max(float(value), column.low), column.high)
                        cells.append((clipped - column.low) / (column.high - column.low))
                    else:
                        hits = [float(value == known) for known in column.values]
                        cells += [*hits, float(not any(hits))] if column.other else hits
                rows.append(cells)
            return np.array(rows)
        case TokenSchema(encoding="bytes"):
            texts = [str(text).encode() for text in records.column(schema.column)]
            return np.array([list(text[: schema.context].ljust(schema.context, b"\0")) for text in texts])
        case TokenSchema():
            return records.column(schema.column)[:, :-1]
        case _:
            return records.column(schema.column)


@given(
    schema=schemas(),
    n=st.integers(1, 12),
    part_rows=st.integers(1, 12),
    batch=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60, deadline=None)
def test_what_was_sealed_comes_back(schema: Schema, n: int, part_rows: int, batch: int, seed: int) -> None:
    records = example_records(schema, n, seed)
    sealed = seal_records(schema, records, part_rows=part_rows, batch=batch)
    back = opened(sealed)
    assert back.inputs.shape == (n, *schema.shape)
    np.testing.assert_allclose(back.inputs, expected_inputs(schema, records), atol=1e-6)
    if isinstance(schema, TokenSchema):
        np.testing.assert_array_equal(back.targets[:, :-1], back.inputs[:, 1:])
        assert back.inputs.dtype == back.targets.dtype == schema.dtype
    else:
        names = np.array(schema.label.classes)[back.targets]
        np.testing.assert_array_equal(names, records.column(schema.label.column))
        assert (back.inputs.dtype, back.targets.dtype) == (
            np.float32 if isinstance(schema, TableSchema) else np.uint8,
            np.int64,
        )
    users = records.column("who") if isinstance(schema.privacy_unit, UserUnit) else np.arange(n)
    assert back.units.dtype == np.int64
    assert len(set(zip(back.units.tolist(), users.tolist(), strict=True))) == len(set(users.tolist()))
    assert sorted(set(back.units.tolist())) == list(range(sealed.descriptor.n_units))


def test_integer_tokens_give_inputs_and_the_tokens_that_follow() -> None:
    schema = TokenSchema(column="text", encoding="integers", context=3, vocabulary=70_000)
    back = opened(seal_records(schema, Records({"text": np.array([[1, 2, 69_999, 4]])})))
    np.testing.assert_array_equal(back.inputs, [[1, 2, 69_999]])
    np.testing.assert_array_equal(back.targets, [[2, 69_999, 4]])


def test_opened_records_do_not_show_themselves() -> None:
    schema = example_schema("tokens")
    assert repr(opened(seal_records(schema, example_records(schema, 4)))) == "OpenedRecords(4 rows)"


# Whatever is stored says nothing of the records


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_of_a_part_does_not_depend_on_the_records(kind: str) -> None:
    schema = example_schema(kind)
    constant = {name: np.repeat(column[:1], 9, axis=0) for name, column in example_records(schema, 9).columns.items()}
    sizes = {
        tuple(len(file) for file in seal_records(schema, records, part_rows=5).files)
        for records in (Records(constant), *(example_records(schema, 9, seed) for seed in range(3)))
    }
    assert len(sizes) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_neither_a_record_nor_a_name_is_in_the_clear(kind: str) -> None:
    schema = example_schema(kind, users=True)
    records = example_records(schema, 9)
    for file in seal_records(schema, records).files:
        assert b"column_0" not in file
        assert b"label" not in file
        for column in records.columns.values():
            cells = column[0].tobytes() if column.dtype.kind != "U" else str(column[0]).encode()
            assert len(cells) < 4 or cells not in file


def test_the_same_records_never_give_the_same_bytes() -> None:
    schema = example_schema("images")
    records = example_records(schema, 4)
    assert seal_records(schema, records).files != seal_records(schema, records).files


# Attacks


def truncated(sealed: Container) -> None:
    sealed.files[0] = sealed.files[0][:-1]


def halved(sealed: Container) -> None:
    sealed.files[0] = sealed.files[0][: len(sealed.files[0]) // 2]


def emptied(sealed: Container) -> None:
    sealed.files[0] = b""


def extended(sealed: Container) -> None:
    sealed.files[1] += b"\0"


def extended_with_a_magic(sealed: Container) -> None:
    sealed.files[1] += b"PARE"


def reordered(sealed: Container) -> None:
    sealed.files[0], sealed.files[1] = sealed.files[1], sealed.files[0]


def repeated(sealed: Container) -> None:
    sealed.files[1] = sealed.files[0]


def of_another_data_set(sealed: Container) -> None:
    """Same schema, rows and key, and even so."""
    schema = sealed.descriptor.records
    sealed.files[0] = seal_records(schema, example_records(schema, 8), part_rows=4, dataset_id="ds_" + "b" * 26).files[
        0
    ]


def of_a_container_of_more_parts(sealed: Container) -> None:
    schema = sealed.descriptor.records
    sealed.files[0] = seal_records(schema, example_records(schema, 12), part_rows=4).files[0]


def under_another_key(sealed: Container) -> None:
    schema = sealed.descriptor.records
    sealed.files[0] = seal_records(schema, example_records(schema, 8), part_rows=4, key=os.urandom(32)).files[0]


def in_the_clear(sealed: Container) -> None:
    table = encode(sealed.descriptor.records, example_records(sealed.descriptor.records, 4), None)
    file = pa.BufferOutputStream()
    pq.write_table(table, file)
    sealed.files[0] = file.getvalue().to_pybytes()


def random_bytes(sealed: Container) -> None:
    sealed.files[0] = b"PARE" + os.urandom(500) + b"PARE"


ATTACKS = [
    truncated,
    halved,
    emptied,
    extended,
    extended_with_a_magic,
    reordered,
    repeated,
    of_another_data_set,
    of_a_container_of_more_parts,
    under_another_key,
    in_the_clear,
    random_bytes,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_changed_container_is_refused(kind: str, attack: Callable[[Container], None]) -> None:
    schema = example_schema(kind)
    sealed = seal_records(schema, example_records(schema, 8), part_rows=4)
    opened(sealed)
    attack(sealed)
    refused(sealed)


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if attack not in (emptied, repeated)])
def test_the_encryption_alone_refuses_it_too(attack: Callable[[Container], None]) -> None:
    """Even if somebody could have the descriptor list the changed files."""
    schema = example_schema("table")
    sealed = seal_records(schema, example_records(schema, 8), part_rows=4)
    opened(relisted(sealed))
    attack(sealed)
    refused(relisted(sealed))


def flipped(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_every_flipped_bit_is_refused() -> None:
    schema = TokenSchema(column="text", context=2)
    sealed = seal_records(schema, Records({"text": np.array(["abc"])}))
    original = sealed.files[0]
    for place in range(len(original)):
        sealed.files[0] = flipped(original, place, place % 8)
        refused(sealed)


@given(place=st.integers(0, 2**30), bit=st.integers(0, 7), users=st.booleans(), kind=st.sampled_from(KINDS))
@settings(max_examples=80, deadline=None)
def test_a_flipped_bit_anywhere_is_refused(place: int, bit: int, users: bool, kind: str) -> None:
    schema = example_schema(kind, users=users)
    sealed = seal_records(schema, example_records(schema, 8), part_rows=4)
    number = place % 2
    sealed.files[number] = flipped(sealed.files[number], place // 2 % len(sealed.files[number]), bit)
    refused(sealed)


def test_past_the_digest_a_flipped_bit_changes_no_record() -> None:
    """Parquet leaves a few tags of its cryptographic metadata unauthenticated; nothing that they say is believed."""
    schema = TokenSchema(column="text", context=2)
    sealed = seal_records(schema, Records({"text": np.array(["abc"])}))
    original, unnoticed = sealed.files[0], 0
    for place in range(len(original)):
        sealed.files[0] = flipped(original, place, 4 + place % 4)
        try:
            np.testing.assert_array_equal(opened(relisted(sealed)).inputs, [[97, 98]])
            unnoticed += 1
        except ContainerRefused:
            continue
    assert unnoticed <= 3


def test_another_key_is_refused() -> None:
    schema = example_schema("table")
    refused(seal_records(schema, example_records(schema, 4)), os.urandom(32))


def test_another_schema_is_refused() -> None:
    """Bounds or categories declared anew would give the same bytes another meaning; types that differ do not open."""
    schema = example_schema("images")
    sealed = seal_records(schema, example_records(schema, 4))
    other = schema.model_copy(update={"width": 5})
    refused(Container(sealed.descriptor.model_copy(update={"records": other}), sealed.files))


def forged(schema: Schema, table: pa.Table, n_units: int) -> Container:
    """A part that the owner's key encrypts, with whatever content."""
    binding = part_binding(DATASET, 0, 1)
    properties = pe.create_encryption_properties(part_key(KEY, binding), aad_prefix=binding, store_aad_prefix=False)
    file = pa.BufferOutputStream()
    pq.write_table(table, file, encryption_properties=properties, store_schema=False)
    data = file.getvalue().to_pybytes()
    part = Part(digest=digest_bytes(data), bytes=len(data), rows=4)
    return Container(describe(schema, [part], n_units), [data])


def with_cells(table: pa.Table, name: str, cells: list[Any]) -> pa.Table:
    place = table.schema.get_field_index(name)
    field = table.schema.field(place)
    nullable = field.with_nullable(None in cells)
    return table.set_column(place, nullable, pa.array(cells, field.type))


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("column_0", [0.0, 0.5, 1.0, 1.5]),
        ("column_0", [0.0, 0.5, 1.0, float("nan")]),
        ("column_1", [0, 1, 2, 3]),
        ("column_1", [0, 1, 2, -1]),
        ("label", [0, 1, 2, 0]),
        ("label", [0, 1, None, 0]),
        ("unit", [0, 1, 2, 2]),
        ("unit", [0, 0, 0, 0]),
        ("unit", [0, 1, 1, -1]),
        ("unit", [0, 0, 1, 3]),
    ],
)
def test_values_that_the_schema_does_not_allow_are_refused(name: str, cells: list[Any]) -> None:
    """The owner is no better than a stranger: what a trainer relies on is checked, not believed."""
    schema = example_schema("table", users=True)
    table = encode(schema, example_records(schema, 4), np.array([0, 1, 1, 1]))
    opened(forged(schema, table, n_units=2))
    refused(forged(schema, with_cells(table, name, cells), n_units=2))


def test_another_number_of_rows_is_refused() -> None:
    schema = example_schema("images")
    for rows in (3, 5):
        refused(forged(schema, encode(schema, example_records(schema, rows), None), n_units=4))


def test_columns_that_are_missing_or_more_are_refused() -> None:
    schema = example_schema("table")
    table = encode(schema, example_records(schema, 4), None)
    refused(forged(schema, table.drop_columns(["column_1"]), n_units=4))
    refused(forged(schema, table.append_column("more", pa.array([1, 2, 3, 4])), n_units=4))
    assert arrow_schema(schema) == table.schema


def test_a_token_outside_the_vocabulary_is_refused() -> None:
    wide = TokenSchema(column="text", encoding="integers", context=1, vocabulary=300)
    narrow = wide.model_copy(update={"vocabulary": 200})
    tokens = Records({"text": np.array([[1, 2], [3, 4], [5, 6], [7, 250]])})
    refused(forged(narrow, encode(wide, tokens, None), n_units=4))


def test_a_file_that_cannot_be_read_is_the_readers_matter() -> None:
    schema = example_schema("tokens")
    sealed = seal_records(schema, example_records(schema, 4))

    def gone(_: Part) -> bytes:
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        open_container(sealed.descriptor, KEY, gone)


# Writing as a stream


class Nowhere(io.RawIOBase, BinaryIO):
    """A file that keeps nothing."""

    def write(self, data: Any) -> int:
        return len(data)


@given(n=st.integers(1, 40), batch=st.integers(1, 10), part_rows=st.integers(1, 15), kind=st.sampled_from(KINDS))
@settings(max_examples=40, deadline=None)
def test_one_batch_is_held_at_a_time(n: int, batch: int, part_rows: int, kind: str) -> None:
    schema = example_schema(kind)
    alive: list[weakref.ref[Records]] = []

    def batches() -> Iterator[Records]:
        for piece in example_records(schema, n).batches(batch):
            own = Records({name: column.copy() for name, column in piece.columns.items()})
            alive.append(weakref.ref(own))
            yield own
            del own
            assert not any(held() is not None for held in alive), "an earlier batch is still held"

    writer = ContainerWriter(schema, DATASET, KEY, n, part_rows)
    assert sum(part.rows for part in writer.write(batches(), lambda _: Kept())) == n
    assert len(alive) == -(-n // batch)


def test_memory_does_not_grow_with_the_number_of_rows() -> None:
    """Ten times the rows, less than twice the peak of what Python and NumPy hold."""
    schema = TokenSchema(column="text", encoding="integers", context=511, vocabulary=1000)

    def peak(batches: int) -> int:
        def rows() -> Iterator[Records]:
            for _ in range(batches):
                yield Records({"text": np.ones((64, 512), np.int64)})

        tracemalloc.start()
        writer = ContainerWriter(schema, DATASET, KEY, 64 * batches)
        list(writer.write(rows(), lambda _: Nowhere()))
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held

    peak(2)
    assert peak(100) < 2 * peak(10)


def test_parts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = example_schema("images")
    monkeypatch.setattr(container, "PART_BYTES", 5 * 24)
    assert rows_per_part(schema) == 5
    sealed = seal_records(schema, example_records(schema, 12))
    assert [part.rows for part in sealed.descriptor.parts] == [5, 5, 2]
    assert len(opened(sealed).inputs) == 12


@pytest.mark.parametrize(("counted", "said"), [(7, "more than"), (9, "fewer than")])
def test_a_file_that_changed_since_it_was_counted_is_refused(counted: int, said: str) -> None:
    schema = example_schema("table")
    writer = ContainerWriter(schema, DATASET, KEY, counted, 4)
    with pytest.raises(InvalidRecords, match=said):
        list(writer.write(example_records(schema, 8).batches(3), lambda _: Kept()))


def test_a_user_with_too_many_rows_is_refused_by_row_and_not_by_name() -> None:
    schema = example_schema("tokens", users=True)
    records = example_records(schema, 8)
    users = np.array(["ann", "bob", "ann", "bob", "ann", "eve", "ann", "eve"])
    with pytest.raises(InvalidRecords, match="row 6: its user has more than 3 rows") as error:
        seal_records(schema, replace(records, columns={**records.columns, "who": users}))
    assert "ann" not in str(error.value)
