"""Bad records are refused with row and column named, never their value."""

import numpy as np
import pytest

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.records import Records, class_labels, select_classes

TABLE = Records({"age": np.array(["40", "41.5", " 3e1 "]), "kind": np.array(["a", "b", "c"]), "y": np.array([0, 1, 1])})


def test_columns_are_read_as_numbers():
    assert TABLE.numeric("age").tolist() == [40.0, 41.5, 30.0]
    assert class_labels(TABLE, "y", 2).tolist() == [0, 1, 1]
    assert len(TABLE) == 3


@pytest.mark.parametrize("cell", ["NA", "", "sentinel-31337", "nan", "inf", "-inf"])
def test_what_is_no_finite_number_is_named_by_place(cell):
    records = Records({"glucose": np.array(["80", cell])})
    with pytest.raises(InvalidRecords, match="row 1, column 'glucose': not a finite number") as caught:
        records.numeric("glucose")
    assert not cell or cell not in str(caught.value).replace("finite", "").replace("glucose", "")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_must_be_finite(value):
    with pytest.raises(InvalidRecords, match="row 2"):
        Records({"x": np.array([0.0, 1.0, value])}).numeric("x")


@pytest.mark.parametrize("label", [2, -1, 0.5, np.nan])
def test_labels_are_zero_or_one(label):
    with pytest.raises(InvalidRecords, match="row 1, column 'y'"):
        class_labels(Records({"y": np.array([0, label])}), "y", 2)


@pytest.mark.parametrize("columns", [{}, {"a": np.zeros(0)}, {"a": np.zeros(2), "b": np.zeros(3)}, {"a": np.array(1)}])
def test_columns_count_the_same_records(columns):
    with pytest.raises(InvalidRecords, match="same records"):
        Records(columns)


def test_an_unknown_column_is_answered_with_the_known_ones():
    with pytest.raises(InvalidRecords, match="no column 'Age'; there are: age, kind, y"):
        TABLE.column("Age")


def test_classes_are_selected_by_text_or_number():
    texts = select_classes(TABLE, "kind", ("c", "a"))
    assert texts.columns["kind"].tolist() == [1, 0]
    assert texts.columns["age"].tolist() == ["40", " 3e1 "]
    digits = Records({"label": np.array([3, 8, 5, 3, 0], dtype=np.uint8)})
    assert select_classes(digits, "label", ("3", "8")).columns["label"].tolist() == [0, 1, 0]
    assert select_classes(digits, "label", ("8", "0", "3")).columns["label"].tolist() == [2, 0, 2, 1]


@pytest.mark.parametrize("classes", [(), ("a",), ("a", "x"), ("x", "b"), ("a", "b", "d")])
def test_all_classes_must_occur(classes):
    with pytest.raises(InvalidRecords, match="two classes or more"):
        select_classes(TABLE, "kind", classes)


@pytest.mark.parametrize(("column", "classes"), [("kind", ("a", "b", "a")), ("y", ("1", "0", "1.0"))])
def test_classes_differ(column, classes):
    with pytest.raises(InvalidRecords, match="are the same"):
        select_classes(TABLE, column, classes)


def test_batches_are_all_records_in_order():
    batches = list(TABLE.batches(2))
    assert [batch.column("kind").tolist() for batch in batches] == [["a", "b"], ["c"]]
    with pytest.raises(InvalidRecords, match="row 2, column 'kind'"):
        list(TABLE.batches(1))[2].numeric("kind")


def test_texts_are_texts():
    assert TABLE.texts("kind") == ["a", "b", "c"]
    with pytest.raises(InvalidRecords, match="column 'y' must hold one text per record"):
        TABLE.texts("y")


def test_records_do_not_show_themselves():
    assert "41.5" not in repr(TABLE)
