"""What is sealed comes back as it was declared; its size says nothing; its writing holds one batch."""

import io
import tracemalloc
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.records import Records
from secure_ds.data.sealed import container
from secure_ds.data.sealed.container import ContainerWriter, OpenedRecords, open_container, rows_per_part
from secure_ds.data.sealed.schema import Schema, TableSchema, TokenSchema, UserUnit
from tests.data.sealed.examples import (
    DATASET,
    KEY,
    Container,
    Kept,
    example_records,
    example_schema,
    schemas,
    seal_records,
)

KINDS = ["table", "images", "tokens"]


def opened(sealed: Container, key: bytes = KEY) -> OpenedRecords:
    return open_container(sealed.descriptor, key, sealed.read)


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
