"""The tutorial's preparation on made-up records: classes balanced, every record on one side, always the same ones."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import framingham
from secure_ds.data.records import Records


def records(n: int) -> Records:
    rng = np.random.default_rng(0)
    columns = {name: np.arange(n, dtype=float) for name in framingham.COLUMNS}
    return Records({**columns, framingham.LABEL: (rng.random(n) < 0.2).astype(float)})


def test_classes_become_equal_and_no_record_is_drawn_twice() -> None:
    source = records(500)
    found = framingham.balanced(source)
    labels, ages = found.columns[framingham.LABEL], found.columns["age"].astype(int)
    assert 2 * labels.sum() == len(found) == 2 * source.columns[framingham.LABEL].sum()
    assert len(set(ages)) == len(found)
    assert np.array_equal(source.columns[framingham.LABEL][ages], labels)


def test_every_record_is_on_one_side() -> None:
    train, test = framingham.split(records(1114))
    assert (len(train), len(test)) == (780, 334)
    assert sorted(np.concatenate([train.columns["age"], test.columns["age"]])) == list(range(1114))


def test_the_shuffle_is_that_of_the_tutorials_seed() -> None:
    assert framingham.split(records(10))[1].columns["age"].tolist() == [5.0, 0.0, 6.0]


def test_rows_with_a_missing_value_are_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    header = [*framingham.COLUMNS, "education", framingham.LABEL]
    rows = [["1"] * len(header), [*["2"] * len(framingham.COLUMNS), "NA", "0"]]
    (tmp_path / "framingham.csv").write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    monkeypatch.setattr("benchmarks.data_files.DIRECTORY", tmp_path)
    assert framingham.complete_rows().columns["age"].tolist() == [1.0]
