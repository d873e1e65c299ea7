"""Every map is a function of one record, ends in the unit ball, and is declared, not fitted."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_ds.data.declared import declared_feature_map, declared_names
from secure_ds.data.errors import InvalidDescriptor, InvalidRecords
from secure_ds.data.feature_maps import DeclaredBounds, parse_feature_map
from secure_ds.data.feature_maps.unit_ball import UnitBall, slack
from secure_ds.data.records import Records


def random_records(feature_map, seed, n=7):
    """Records that fit a map, some far outside any bound."""
    rng = np.random.default_rng(seed)
    if isinstance(feature_map, DeclaredBounds):
        names = [bounds.name for bounds in feature_map.columns]
        return Records({name: rng.standard_cauchy(n) * 10.0 ** rng.integers(-3, 6) for name in names})
    return Records({feature_map.column: rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)})


@pytest.mark.parametrize("name", declared_names())
@given(seed=st.integers(0, 2**32))
def test_records_end_in_the_unit_ball_with_their_slack(name, seed):
    feature_map = declared_feature_map(name)
    x = feature_map.apply(random_records(feature_map, seed))
    assert x.shape == (7, feature_map.n_features)
    norms = np.linalg.norm(x, axis=1)
    assert norms.max() <= 1 + 2**-48
    assert (x[:, -1] > 0).all()
    assert np.abs(norms**2 + slack(x) ** 2 - 1).max() < 2**-48


@pytest.mark.parametrize("name", declared_names())
@given(seed=st.integers(0, 2**32), row=st.integers(0, 6))
def test_a_record_alone_maps_to_the_same_features(name, seed, row):
    """Nothing is fitted: leaving out the other records changes no bit."""
    feature_map = declared_feature_map(name)
    records = random_records(feature_map, seed)
    alone = feature_map.apply(records.where(np.arange(7) == row))
    assert (alone[0] == feature_map.apply(records)[row]).all()


@pytest.mark.parametrize("name", declared_names())
def test_a_specification_survives_as_json(name):
    feature_map = declared_feature_map(name)
    assert parse_feature_map(feature_map.model_dump_json()) == feature_map


def bounds(**changes):
    column = {"name": "a", "low": -1, "high": 3}
    return {"map": "declared_bounds", "version": 1, "columns": [column], "unit_ball": {"radius": 2.0}} | changes


def test_bounds_by_hand():
    feature_map = parse_feature_map(json.dumps(bounds()))
    x = feature_map.apply(Records({"a": np.array([-1.0, 1.0, 3.0, 99.0])}))
    assert x.tolist() == [[-0.5, 0.5], [0.0, 0.5], [0.5, 0.5], [0.5, 0.5]]


def test_long_records_are_shortened_to_one():
    x = UnitBall(radius=0.5, bias=1.0).place(np.array([[0.0], [3.0]]))
    assert np.allclose(x, [[0, 1], [3 / np.sqrt(10), 1 / np.sqrt(10)]], atol=1e-15)


BAD = {
    "unknown map": bounds(map="standard_scaler"),
    "unknown version": bounds(version=2),
    "fitted": bounds(fit="train"),
    "no columns": bounds(columns=[]),
    "twice": bounds(columns=[{"name": "a", "low": 0, "high": 1}] * 2),
    "low is high": bounds(columns=[{"name": "a", "low": 1, "high": 1}]),
    "reversed": bounds(columns=[{"name": "a", "low": 2, "high": 1}]),
    "text bound": bounds(columns=[{"name": "a", "low": "0", "high": 1}]),
    "no radius": bounds(unit_ball={}),
    "zero radius": bounds(unit_ball={"radius": 0.0}),
    "negative bias": bounds(unit_ball={"radius": 1.0, "bias": -1.0}),
}


@pytest.mark.parametrize("name", BAD)
def test_other_specifications_are_refused(name):
    with pytest.raises(InvalidDescriptor, match="not a feature map"):
        parse_feature_map(json.dumps(BAD[name]))


@pytest.mark.parametrize("text", ["NaN", "Infinity"])
def test_constants_are_finite(text):
    with pytest.raises(InvalidDescriptor):
        parse_feature_map(json.dumps(bounds()).replace("2.0", text))


@pytest.mark.parametrize("images", [np.zeros((2, 14, 14)), np.full((2, 28, 28), 256.0), np.full((2, 28, 28), -1.0)])
def test_images_of_another_kind_are_refused(images):
    with pytest.raises(InvalidRecords, match="image"):
        declared_feature_map("mnist_3_vs_8").apply(Records({"image": images}))


def test_pooling_by_hand():
    image = np.zeros((1, 28, 28))
    image[0, 0:2, 2:4] = [[255, 0], [255, 255]]
    x = declared_feature_map("mnist_3_vs_8").apply(Records({"image": image}))
    assert x[0, [0, 1, 2]].tolist() == [0.0, 0.75 / 1.25, 0.0]  # the bias makes the length 1.25
    assert x[0, -1] == 1 / 1.25


def test_breast_cancer_covers_scikit_learns_columns():
    names = pytest.importorskip("sklearn.datasets").load_breast_cancer().feature_names
    declared = declared_feature_map("breast_cancer")
    assert [column.name for column in declared.columns] == list(names)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(InvalidDescriptor, match="breast_cancer, framingham, mnist_3_vs_8"):
        declared_feature_map("iris")
