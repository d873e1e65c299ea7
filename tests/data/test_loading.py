"""Files become records; files that are something else are refused."""

import gzip

import numpy as np
import pytest

from secure_ds.data.errors import UnreadableFile
from secure_ds.data.loading import load, load_npz

CSV = 'age,name\r\n40,"a, b"\r\nNA,c\r\n'


def test_csv_plain_and_compressed(tmp_path):
    (tmp_path / "t.csv").write_text(CSV, newline="")
    with gzip.open(tmp_path / "t.csv.gz", "wt", newline="") as file:
        file.write(CSV)
    for name in ("t.csv", "t.csv.gz"):
        records = load(tmp_path / name)
        assert records.column("name").tolist() == ["a, b", "c"]
        assert records.column("age").tolist() == ["40", "NA"]


def test_npz_members_are_renamed(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, x=np.arange(6).reshape(2, 3), y=np.array([0, 1]), other=np.zeros(5))
    records = load_npz(path, {"x": "image", "y": "label"})
    assert records.column("image").shape == (2, 3)
    with pytest.raises(UnreadableFile, match="there is no array"):
        load_npz(path, {"z": "image"})
    with pytest.raises(UnreadableFile, match="same records"):
        load(path)


def test_pickles_are_never_opened(tmp_path):
    np.savez(tmp_path / "t.npz", x=np.array([object()], dtype=object))
    with pytest.raises(UnreadableFile, match="not an NPZ file of plain arrays"):
        load(tmp_path / "t.npz")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", b"", "must end in"),
        ("t.csv", b"", "not a CSV"),
        ("t.csv", b"a,b\n", "same records"),
        ("t.csv", b"a,a\n1,2\n", "same name"),
        ("t.csv", b"a,b\n1,2\n1\n", "row 1 has 1 cells, the header has 2"),
        ("t.csv", b"\xff\xfe", "not a CSV"),
        ("t.csv.gz", b"a,b\n1,2\n", "not a CSV"),
        ("t.npz", b"PK\x03\x04 broken", "not an NPZ"),
        ("t.npz", b"", "not an NPZ"),
    ],
)
def test_other_content_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableFile, match=message):
        load(tmp_path / name)


def test_a_missing_file_is_unreadable(tmp_path):
    for name in ("t.csv", "t.npz"):
        with pytest.raises(UnreadableFile):
            load(tmp_path / name)
