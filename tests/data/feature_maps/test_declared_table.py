"""A table maps by its declaration alone: bounds, logarithms, categories, and what is on no list."""

import json

import numpy as np
import pytest

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records


def table(*columns, radius=1.0, bias=2.0**-12):
    """The features of a declared table, bias too short to matter, before they are shortened."""
    specification = {"map": "declared_table", "version": 1, "columns": columns}
    return parse_feature_map(json.dumps(specification | {"unit_ball": {"radius": radius, "bias": bias}}))


def test_bounds_by_hand():
    feature_map = table({"name": "a", "low": -1, "high": 3}, radius=2.0, bias=1.0)
    x = feature_map.apply(Records({"a": np.array([-1.0, 1.0, 3.0, 99.0])}))
    assert x.tolist() == [[-0.5, 0.5], [0.0, 0.5], [0.5, 0.5], [0.5, 0.5]]


def test_logarithms_by_hand():
    feature_map = table({"name": "gain", "low": 0, "high": 99, "log1p": True})
    assert np.allclose(feature_map.features(Records({"gain": np.array([0, 9, 99, 1e9])})).ravel(), [-1, 0, 1, 1])


def test_categories_by_hand():
    strict, lenient = {"name": "a", "values": ["x", "y"]}, {"name": "b", "values": ["x"], "other": True}
    records = Records({"a": np.array(["y", "x", "z", "?"]), "b": np.array(["x", "y", "?", "x"])})
    found = table(strict, lenient).features(records)
    assert found.tolist() == [[0, 1, 1, 0], [1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 1, 0]]


def test_numbers_can_be_categories():
    found = table({"name": "a", "values": ["1", "2.50"]}).features(Records({"a": np.array([1.0, 2.5, 3.0])}))
    assert found.tolist() == [[1, 0], [0, 1], [0, 0]]


def test_an_absent_column_is_named():
    with pytest.raises(InvalidRecords, match="no column 'kind'"):
        table({"name": "kind", "values": ["x"]}).apply(Records({"age": np.zeros(2)}))
