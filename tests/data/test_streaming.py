"""A streamed file holds what a loaded one does, in batches, and is refused for the same faults."""

import gzip
import json
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_ds.data.errors import UnreadableFile
from secure_ds.data.loading import load
from secure_ds.data.records import Records
from secure_ds.data.streaming import count_rows, stream, stream_windows


def whole(batches: list[Records]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([batch.column(name) for batch in batches]) for name in batches[0].columns}


def write(path: Path, n: int) -> None:
    rows = [{"name": f"n{index % 4}", "age": index * 1.5} for index in range(n)]
    match path.name.partition(".")[2]:
        case "csv":
            path.write_text("name,age\n" + "".join(f"{row['name']},{row['age']}\n" for row in rows))
        case "csv.gz":
            path.write_bytes(gzip.compress(b"name,age\n" + b"".join(b"x,%d\n" % index for index in range(n))))
        case "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        case "jsonl.gz":
            path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
        case _:
            images = np.arange(n * 6, dtype=np.uint8).reshape(n, 2, 3)
            np.savez_compressed(path, image=images, label=np.array([row["name"] for row in rows]))


@given(
    n=st.integers(1, 30), size=st.integers(1, 11), suffix=st.sampled_from(["csv", "csv.gz", "jsonl", "jsonl.gz", "npz"])
)
@settings(max_examples=60, deadline=None)
def test_a_streamed_file_is_the_loaded_one(
    tmp_path_factory: pytest.TempPathFactory, n: int, size: int, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("files") / f"records.{suffix}"
    write(path, n)
    source, loaded = stream(path), load(path)
    batches = list(source(size))
    assert [len(batch) for batch in batches] == [size] * (n // size) + ([n % size] if n % size else [])
    assert [batch.first_row for batch in batches] == list(range(0, n, size))
    for name, column in whole(batches).items():
        np.testing.assert_array_equal(column, loaded.column(name))
    assert count_rows(source, size) == n, "read from its beginning again"


def test_arrays_can_be_renamed(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.arange(3), y=np.arange(3), other=np.arange(7))
    (batch,) = stream(tmp_path / "a.npz", {"x": "image", "y": "label"})(10)
    assert set(batch.columns) == {"image", "label"}


def test_windows_are_the_bytes_of_the_file_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abcdefghij")
    batches = list(stream_windows(tmp_path / "a.txt", "text", 3)(2))
    assert b"".join(batch.column("text").tobytes() for batch in batches) == b"abcdefghi"
    assert [batch.column("text").shape for batch in batches] == [(2, 3), (1, 3)]


def unequal(path: Path) -> Path:
    np.savez(path / "bad.npz", a=np.arange(3), b=np.arange(4))
    return path / "bad.npz"


def pickled(path: Path) -> Path:
    np.savez(path / "bad.npz", a=np.array([{}], dtype=object))
    return path / "bad.npz"


def scalar(path: Path) -> Path:
    np.savez(path / "bad.npz", a=np.array(3))
    return path / "bad.npz"


def truncated(path: Path) -> Path:
    np.savez(path / "bad.npz", a=np.arange(10_000))
    (path / "bad.npz").write_bytes((path / "bad.npz").read_bytes()[:5000])
    return path / "bad.npz"


def no_arrays(path: Path) -> Path:
    with zipfile.ZipFile(path / "bad.npz", "w") as archive:
        archive.writestr("a.npy", b"nothing of the sort")
    return path / "bad.npz"


def of_text(name: str, text: str):  # type: ignore[no-untyped-def]
    def write_it(path: Path) -> Path:
        (path / name).write_text(text)
        return path / name

    return write_it


@pytest.mark.parametrize(
    "fault",
    [
        unequal,
        pickled,
        scalar,
        truncated,
        no_arrays,
        of_text("bad.csv", ""),
        of_text("bad.csv", "a,a\n1,2\n"),
        of_text("bad.csv", "a,b\n1,2\n3\n"),
        of_text("bad.jsonl", '{"a": 1}\n{"b": 1}\n'),
        of_text("bad.jsonl", "[1]\n"),
        of_text("bad.jsonl", "nonsense\n"),
        of_text("bad.jsonl", '{"a": 1}\n{"a": "x"}\n'),
        of_text("bad.csv.gz", "not packed"),
        of_text("bad.parquet", "x"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path, fault) -> None:  # type: ignore[no-untyped-def]
    path = fault(tmp_path)
    with pytest.raises(UnreadableFile, match=r"bad\."):
        list(stream(path)(10))


def test_text_shorter_than_a_row_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab")
    with pytest.raises(UnreadableFile, match="shorter"):
        list(stream_windows(tmp_path / "a.txt", "text", 3)(2))
    with pytest.raises(UnreadableFile, match="cannot be read"):
        list(stream_windows(tmp_path / "absent.txt", "text", 3)(2))


def test_a_large_archive_is_never_in_memory(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros((20_000, 500)))  # 80 MB
    tracemalloc.start()
    rows = count_rows(stream(tmp_path / "a.npz"), 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows == 20_000
    assert peak < 4_000_000
