"""A schema is a closed value that says what is meant, and nothing in it is computed from records."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from secure_ds.data.errors import InvalidDescriptor, InvalidRecords
from secure_ds.data.records import Records
from secure_ds.data.sealed.declared import declared_schema, declared_schema_names
from secure_ds.data.sealed.layout import encode
from secure_ds.data.sealed.rows import UserIndex, image_rows, label_indices, token_rows
from secure_ds.data.sealed.schema import (
    ImageSchema,
    Label,
    Numeric,
    Schema,
    TableSchema,
    TokenSchema,
    UserUnit,
    parse_schema,
)
from tests.data.sealed.examples import example_records, example_schema, schemas

LABEL = Label(column="y", classes=("no", "yes"))


@given(schemas())
@settings(max_examples=50, deadline=None)
def test_a_schema_has_one_json_and_one_digest(schema: Schema) -> None:
    again = parse_schema(json.dumps(schema.to_json()))
    assert again == schema
    assert again.digest == schema.digest
    assert schema.n_features == int(np.prod(schema.shape))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"surplus": 1}, "Extra inputs"),
        ({"columns": []}, "at least 1"),
        ({"columns": [{"name": "a", "low": 1.0, "high": 1.0}]}, "low must be below high"),
        ({"columns": [{"name": "a", "low": 0.0, "high": 1.0, "missing": 2.0}]}, "missing must be between"),
        ({"columns": [{"name": "ill", "low": 0.0, "high": 1.0}]}, "declared twice"),
        ({"columns": [{"name": "a", "values": ["x", "x"]}]}, "declared twice"),
        ({"columns": [{"name": f"c{n}", "values": [str(v) for v in range(4095)]} for n in range(2)]}, "more than 4095"),
        ({"label": {"column": "y", "classes": ["no"]}}, "at least 2"),
        ({"label": {"column": "y", "classes": ["no", "no"]}}, "listed twice"),
        ({"privacy_unit": {"kind": "user", "column": "ill", "rows_per_unit": 2}}, "declared twice"),
        ({"privacy_unit": {"kind": "user", "column": "who", "rows_per_unit": 0}}, "greater than or equal to 1"),
        ({"privacy_unit": {"kind": "group"}}, "kind"),
        ({"kind": "graphs"}, "kind"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidDescriptor, match=said):
        parse_schema(json.dumps(example_schema("table").to_json() | change))


def test_a_text_is_tokenised_by_bytes_alone() -> None:
    with pytest.raises(InvalidDescriptor, match="vocabulary of 256"):
        parse_schema('{"kind": "tokens", "column": "text", "context": 4, "vocabulary": 300}')


def test_a_missing_cell_is_handled_as_declared() -> None:
    column = Numeric(name="age", low=0.0, high=10.0, missing=5.0)
    for cells in (np.array(["", " ", "10"]), np.array([np.nan, np.nan, 10.0])):
        np.testing.assert_array_equal(column.features(Records({"age": cells})), [[0.5], [0.5], [1.0]])
    np.testing.assert_array_equal(column.features(Records({"age": np.array([0, 7, 20])})), [[0.0], [0.7], [1.0]])
    strict = Numeric(name="age", low=0.0, high=10.0)
    for cells in (np.array(["3", ""]), np.array([3.0, np.nan])):
        with pytest.raises(InvalidRecords, match="row 1, column 'age'"):
            strict.features(Records({"age": cells}))
    with pytest.raises(InvalidRecords, match="row 0"):
        column.features(Records({"age": np.array(["old", ""])}))


def test_a_logarithm_is_taken_before_scaling() -> None:
    column = Numeric(name="gain", low=0.0, high=99.0, log1p=True)
    np.testing.assert_allclose(column.features(Records({"gain": np.array([0, 9, 99])})), [[0], [0.5], [1]], atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 2, 3, 4), (5, 3, 4, 2)])
def test_images_are_channel_first(shape: tuple[int, ...]) -> None:
    schema = ImageSchema(column="image", channels=2, height=3, width=4, label=LABEL)
    pixels = np.arange(120).reshape(5, 2, 3, 4)
    given_as = pixels if shape[1:] == schema.shape else pixels.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(image_rows(schema, Records({"image": given_as})), pixels)


def test_a_single_channel_may_be_left_out() -> None:
    schema = ImageSchema(column="image", channels=1, height=3, width=4, label=LABEL)
    assert image_rows(schema, Records({"image": np.zeros((5, 3, 4))})).shape == (5, 1, 3, 4)


@pytest.mark.parametrize("bad", [-1, 256, 0.5, np.nan])
def test_pixels_are_bytes(bad: float) -> None:
    schema = ImageSchema(column="image", channels=1, height=2, width=2, label=LABEL)
    pixels = np.zeros((3, 2, 2))
    pixels[1, 1, 1] = bad
    with pytest.raises(InvalidRecords, match="row 1, column 'image': not whole numbers from 0 to 255"):
        image_rows(schema, Records({"image": pixels}))


def test_images_of_another_shape_are_refused() -> None:
    schema = ImageSchema(column="image", channels=1, height=2, width=2, label=LABEL)
    with pytest.raises(InvalidRecords, match="1 x 2 x 2"):
        image_rows(schema, Records({"image": np.zeros((3, 2, 3))}))


def test_tokens_outside_the_vocabulary_or_of_another_length_are_refused() -> None:
    schema = TokenSchema(column="t", encoding="integers", context=2, vocabulary=10)
    with pytest.raises(InvalidRecords, match="row 1"):
        token_rows(schema, Records({"t": np.array([[1, 2, 3], [1, 2, 10]])}))
    with pytest.raises(InvalidRecords, match="context \\+ 1"):
        token_rows(schema, Records({"t": np.array([[1, 2], [1, 2]])}))
    with pytest.raises(InvalidRecords):
        token_rows(schema, Records({"t": np.array(["abc", "abd"])}))


def test_labels_are_declared_classes() -> None:
    np.testing.assert_array_equal(label_indices(LABEL, Records({"y": np.array(["yes", "no"])})), [1, 0])
    numbers = Label(column="y", classes=("0", "1"))
    np.testing.assert_array_equal(label_indices(numbers, Records({"y": np.array([1, 0])})), [1, 0])
    with pytest.raises(InvalidRecords, match="row 11"):
        label_indices(LABEL, Records({"y": np.array(["yes", "maybe"])}, first_row=10))


def test_users_are_numbered_as_they_come_across_batches() -> None:
    users = UserIndex(UserUnit(column="who", rows_per_unit=2))
    np.testing.assert_array_equal(users.of(Records({"who": np.array(["b", "a", "b"])})), [0, 1, 0])
    np.testing.assert_array_equal(users.of(Records({"who": np.array(["c", "a"])})), [2, 1])
    assert len(users) == 3
    with pytest.raises(InvalidRecords, match="row 41: its user has more than 2 rows"):
        users.of(Records({"who": np.array(["d", "b"])}, first_row=40))


@pytest.mark.parametrize("cells", [np.array(["a", ""]), np.array([1.5, 2.5]), np.array([["a"], ["b"]])])
def test_every_row_names_a_user(cells: np.ndarray) -> None:
    with pytest.raises(InvalidRecords):
        UserIndex(UserUnit(column="who", rows_per_unit=2)).of(Records({"who": cells}))


@pytest.mark.parametrize("kind", ["table", "images", "tokens"])
def test_a_missing_column_is_named(kind: str) -> None:
    schema = example_schema(kind)
    records = example_records(schema, 3)
    for name in records.columns:
        rest = {other: column for other, column in records.columns.items() if other != name}
        with pytest.raises(InvalidRecords, match=name):
            encode(schema, Records(rest or {"else": np.zeros(3)}), None)


def test_every_declared_schema_is_one() -> None:
    for name in declared_schema_names():
        schema = declared_schema(name)
        assert parse_schema(json.dumps(schema.to_json())) == schema
    adult = declared_schema("adult")
    assert isinstance(adult, TableSchema)
    assert adult.columns[0].name == "age"
    with pytest.raises(InvalidDescriptor, match="digits"):
        declared_schema("iris")
