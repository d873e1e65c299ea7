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


JSON_LINES = (
    '{"text": "play \\u00e9", "label": "PlayMusic", "n": 1}\n{"text": "rain?", "label": "GetWeather", "n": 2.5}\n'
)


def test_json_lines_plain_and_compressed(tmp_path):
    (tmp_path / "t.jsonl").write_text(JSON_LINES)
    with gzip.open(tmp_path / "t.jsonl.gz", "wt") as file:
        file.write(JSON_LINES)
    for name in ("t.jsonl", "t.jsonl.gz"):
        records = load(tmp_path / name)
        assert records.texts("text") == ["play é", "rain?"]
        assert records.numeric("n").tolist() == [1.0, 2.5]


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
        ("t.jsonl", b"", "same records"),
        ("t.jsonl", b'{"a": 1}\n\n', "not a file of JSON lines"),
        ("t.jsonl", b'{"a": 1}\n{"b": 1}\n', "line 1 is no JSON object with the keys"),
        ("t.jsonl", b'["a"]\n', "line 0 is no JSON object"),
        ("t.jsonl", b'{"a": 1}\n{"a": "x"}\n', "texts only, or numbers only"),
        ("t.jsonl", b'{"a": {}}\n', "texts only, or numbers only"),
        ("t.jsonl", b"\xff", "not a file of JSON lines"),
        ("t.jsonl", b"[" * 100000, "not a file of JSON lines"),
        ("t.jsonl.gz", b'{"a": 1}\n', "not a file of JSON lines"),
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
