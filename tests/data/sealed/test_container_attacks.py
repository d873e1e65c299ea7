"""Whatever was done to a container since it was sealed, it is refused in one way; so is one whose owner lies."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.core.digest import digest_bytes
from secure_ds.data.errors import ContainerRefused
from secure_ds.data.records import Records
from secure_ds.data.sealed.container import open_container, part_binding
from secure_ds.data.sealed.descriptor import Part
from secure_ds.data.sealed.key import part_key
from secure_ds.data.sealed.layout import arrow_schema, encode
from secure_ds.data.sealed.schema import Schema, TokenSchema
from tests.data.sealed.examples import (
    DATASET,
    KEY,
    Container,
    describe,
    example_records,
    example_schema,
    seal_records,
)
from tests.data.sealed.test_container import KINDS, opened

ONE_REFUSAL = "the container is not the one that was sealed for this data set under this key"


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


def forged(schema: Schema, table: pa.Table, n_units: int, announced: int | None = None) -> Container:
    """A part that the owner's key encrypts, with whatever content, and the number of rows that is announced of it."""
    binding = part_binding(DATASET, 0, 1)
    properties = pe.create_encryption_properties(part_key(KEY, binding), aad_prefix=binding, store_aad_prefix=False)
    file = pa.BufferOutputStream()
    pq.write_table(table, file, encryption_properties=properties, store_schema=False)
    data = file.getvalue().to_pybytes()
    part = Part(digest=digest_bytes(data), bytes=len(data), rows=announced or table.num_rows)
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


@pytest.mark.parametrize(
    ("units", "n_units"), [([0, 0, 1, 1, 1], 3), ([0, 0, 0, 0, 1], 2), ([0, 0, 0, 1, 2], 2), ([0, 0, 1, 1, -1], 2)]
)
def test_units_other_than_the_descriptor_says_are_refused(units: list[int], n_units: int) -> None:
    """A unit without a row, one with too many, and ones that are not announced."""
    schema = example_schema("images", users=True)
    table = encode(schema, example_records(schema, 5), np.array([0, 0, 0, 1, 1]))
    opened(forged(schema, table, n_units=2))
    refused(forged(schema, with_cells(table, "unit", units), n_units))


def test_another_number_of_rows_is_refused() -> None:
    schema = example_schema("images")
    for rows in (3, 5):
        refused(forged(schema, encode(schema, example_records(schema, rows), None), n_units=4, announced=4))


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
