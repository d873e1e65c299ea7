"""Every map is a function of one record, ends in the unit ball, and is declared, not fitted."""

import json

import numpy as np
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.data.declared import declared_feature_map, declared_names
from secure_ds.data.errors import InvalidDescriptor, InvalidRecords
from secure_ds.data.feature_maps import parse_feature_map
from secure_ds.data.feature_maps.declared_table import Categories, DeclaredTable
from secure_ds.data.feature_maps.declared_vector import DeclaredVector
from secure_ds.data.feature_maps.random_fourier import RandomFourier
from secure_ds.data.feature_maps.unit_ball import UnitBall, slack
from secure_ds.data.records import Records

FOURIER = parse_feature_map(
    json.dumps(
        {
            "map": "random_fourier",
            "version": 1,
            "base": json.loads(declared_feature_map("mnist_orientation_128").model_dump_json()),
            "seed": "public",
            "frequencies": 37,
            "lengthscale": 0.5,
            "unit_ball": {"radius": 1.0, "bias": 0.1},
        }
    )
)
MAPS = {name: declared_feature_map(name) for name in declared_names()} | {"random_fourier": FOURIER}
N = 7


def random_records(feature_map, seed):
    """Records that fit a map, some far outside any bound and some of no declared category."""
    rng = np.random.default_rng(seed)
    if isinstance(feature_map, RandomFourier):
        return random_records(feature_map.base, seed)
    if isinstance(feature_map, DeclaredTable):
        return Records({column.name: random_column(column, rng) for column in feature_map.columns})
    if isinstance(feature_map, DeclaredVector):
        return Records({feature_map.column: rng.standard_cauchy((N, feature_map.size))})
    images = rng.integers(0, 256, (N, feature_map.side, feature_map.side), dtype=np.uint8)
    images[0] = 0
    return Records({feature_map.column: images})


def random_column(column, rng):
    if isinstance(column, Categories):
        return rng.choice(np.array([*column.values, "of no declared kind"]), N)
    return rng.standard_cauchy(N) * 10.0 ** rng.integers(-3, 6)


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_records_end_in_the_unit_ball_on_its_grid_with_their_slack(name, seed):
    x = MAPS[name].apply(random_records(MAPS[name], seed))
    assert x.shape == (N, MAPS[name].n_features)
    whole = (x * 2**12).astype(np.int64)
    assert (whole == x * 2**12).all()
    squares = (whole**2).sum(axis=1)
    assert squares.max() <= 2**24, "exactly, in whole numbers"
    assert (x[:, -1] >= 0).all()
    assert np.abs(squares / 2**24 + slack(x) ** 2 - 1).max() < 2**-48


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), row=st.integers(0, N - 1))
def test_a_record_alone_maps_to_the_same_features(name, seed, row):
    """Nothing is fitted: leaving out the other records changes no bit."""
    records = random_records(MAPS[name], seed)
    alone = MAPS[name].apply(records.where(np.arange(N) == row))
    assert (alone[0] == MAPS[name].apply(records)[row]).all()


@pytest.mark.parametrize("name", MAPS)
@settings(max_examples=20)
@given(seed=st.integers(0, 2**31), row=st.integers(0, N - 1))
def test_another_record_changes_its_own_row_only(name, seed, row):
    records, others = random_records(MAPS[name], seed), random_records(MAPS[name], seed + 1)
    changed = {key: column.astype(object) for key, column in records.columns.items()}
    for key, column in changed.items():
        column[row] = others.columns[key][row]
    mixed = Records({key: np.array(column.tolist()) for key, column in changed.items()})
    before, after = MAPS[name].apply(records), MAPS[name].apply(mixed)
    assert (np.delete(before, row, axis=0) == np.delete(after, row, axis=0)).all()


@pytest.mark.parametrize("name", MAPS)
def test_batches_leave_no_trace(name, monkeypatch):
    records = random_records(MAPS[name], 5)
    whole = MAPS[name].apply(records)
    for size in (1, 3):
        monkeypatch.setattr("secure_ds.data.feature_maps.record_map.BATCH", size)
        assert (MAPS[name].apply(records) == whole).all()


def test_a_message_names_the_row_of_the_file_in_any_batch(monkeypatch):
    monkeypatch.setattr("secure_ds.data.feature_maps.record_map.BATCH", 2)
    with pytest.raises(InvalidRecords, match="row 4, column 'a'"):
        parse_feature_map(json.dumps(bounds())).apply(Records({"a": np.array([0.0, 1, 2, 3, np.nan])}))


@pytest.mark.parametrize("name", MAPS)
def test_a_specification_has_one_spelling_and_one_version(name):
    written = MAPS[name].model_dump(mode="json")
    again = parse_feature_map(rfc8785.dumps(written))
    assert again == MAPS[name]
    assert rfc8785.dumps(again.model_dump(mode="json")) == rfc8785.dumps(written)
    with pytest.raises(InvalidDescriptor):
        parse_feature_map(json.dumps(written | {"version": MAPS[name].version + 1}))


def bounds(**changes):
    column = {"name": "a", "low": -1, "high": 3}
    return {"map": "declared_table", "version": 1, "columns": [column], "unit_ball": {"radius": 2.0}} | changes


def test_long_records_are_shortened_to_one():
    x = UnitBall(radius=0.5, bias=1.0).place(np.array([[0.0], [3.0]]))
    lengths = np.array([[0, 1], [3 / np.sqrt(10), 1 / np.sqrt(10)]])
    assert (x == np.floor(lengths * 4096) / 4096).all()


def test_coordinates_are_truncated_towards_zero():
    x = UnitBall(radius=1.0, bias=0.3).place(np.array([[0.1, -0.1, 2.0**-12, -(2.0**-13)]]))
    assert (x * 4096).tolist() == [[409, -409, 1, 0, 1228]]


BAD = {
    "unknown map": bounds(map="standard_scaler"),
    "unknown version": bounds(version=2),
    "fitted": bounds(fit="train"),
    "no columns": bounds(columns=[]),
    "twice": bounds(columns=[{"name": "a", "low": 0, "high": 1}] * 2),
    "low is high": bounds(columns=[{"name": "a", "low": 1, "high": 1}]),
    "reversed": bounds(columns=[{"name": "a", "low": 2, "high": 1}]),
    "logarithm of negatives": bounds(columns=[{"name": "a", "low": -1, "high": 1, "log1p": True}]),
    "category twice": bounds(columns=[{"name": "a", "values": ["x", "x"]}]),
    "no category": bounds(columns=[{"name": "a", "values": []}]),
    "too many features": bounds(columns=[{"name": n, "values": [str(i) for i in range(2100)]} for n in "ab"]),
    "bounds of a category": bounds(columns=[{"name": "a", "values": ["x"], "low": 0}]),
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


def test_breast_cancer_covers_scikit_learns_columns():
    names = pytest.importorskip("sklearn.datasets").load_breast_cancer().feature_names
    declared = declared_feature_map("breast_cancer")
    assert [column.name for column in declared.columns] == list(names)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(InvalidDescriptor, match="adult, breast_cancer, fetal_health, framingham"):
        declared_feature_map("iris")
