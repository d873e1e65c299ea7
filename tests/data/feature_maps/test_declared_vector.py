"""Vectors are taken as they are; of another size they are refused."""

import json

import numpy as np
import pytest

from secure_ds.data.errors import InvalidRecords
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.records import Records

SPECIFICATION = {"map": "declared_vector", "version": 1, "column": "v", "size": 2}
MAP = parse_feature_map(json.dumps(SPECIFICATION | {"unit_ball": {"radius": 1.0, "bias": 0.5}}))


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_vectors_by_hand(kind):
    x = MAP.apply(Records({"v": np.array([[0.25, -0.5], [0.0, 0.0]], dtype=kind)}))
    assert x.tolist() == [[0.25, -0.5, 0.5], [0.0, 0.0, 0.5]]


@pytest.mark.parametrize("vectors", [np.zeros((3, 3)), np.zeros(3), np.zeros((3, 2, 1)), np.full((3, 2), np.nan)])
def test_other_vectors_are_refused(vectors):
    with pytest.raises(InvalidRecords, match="column 'v'"):
        MAP.apply(Records({"v": vectors}))
