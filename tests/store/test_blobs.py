"""One suite over every place for blobs, and what only a folder can get wrong."""

import io
import itertools
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.store import blobs as rules
from secure_ds.store.blobs import BlobBusy, BlobMissing, Blobs, DigestMismatch, OffsetMismatch, TooManyBytes
from secure_ds.store.blobs_local import LocalBlobs
from secure_ds.store.blobs_memory import MemoryBlobs

DATA = bytes(range(256)) * 20
DIGEST = digest_bytes(DATA)
DATASET = new_id("ds")


@pytest.fixture(params=["local", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """An empty place of each kind."""
    return LocalBlobs(tmp_path / "blobs") if request.param == "local" else MemoryBlobs()


class Broken(io.BytesIO):
    """A stream whose connection breaks after its bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Return what is left, then fail."""
        if piece := super().read(size):
            return piece
        raise ConnectionResetError


class Meddling(io.BytesIO):
    """A stream during whose reading something else happens."""

    def __init__(self, data: bytes, action: object) -> None:
        super().__init__(data)
        self._action = action

    def read(self, size: int | None = -1, /) -> bytes:
        """Let it happen."""
        self._action()  # type: ignore[operator]
        return super().read(size)


def test_a_blob_in_one_piece(blobs: Blobs) -> None:
    assert blobs.offset(DATASET, DIGEST) == 0
    assert _append(blobs, 0, DATA) == len(DATA)
    blobs.finish(DATASET, DIGEST)
    blobs.finish(DATASET, DIGEST)
    assert blobs.offset(DATASET, DIGEST) == len(DATA)
    assert _read(blobs) == DATA


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, len(DATA)), max_size=5))
def test_a_blob_in_any_pieces(blobs: Blobs, cuts: list[int]) -> None:
    blobs.delete(DATASET, DIGEST)
    places = [0, *sorted(cuts), len(DATA)]
    for start, end in itertools.pairwise(places):
        assert _append(blobs, start, DATA[start:end]) == end == blobs.offset(DATASET, DIGEST)
    blobs.finish(DATASET, DIGEST)
    assert _read(blobs) == DATA


def test_a_stream_longer_than_one_piece(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytes(3 * rules.PIECE + 17)
    digest = digest_bytes(data)
    blobs.append(DATASET, digest, 0, io.BytesIO(data), len(data))
    blobs.finish(DATASET, digest)
    with blobs.open(DATASET, digest) as stored:
        assert stored.read() == data


def test_an_upload_goes_on_where_the_connection_broke(blobs: Blobs) -> None:
    with pytest.raises(ConnectionResetError):
        blobs.append(DATASET, DIGEST, 0, Broken(DATA[:100]), len(DATA))
    assert blobs.offset(DATASET, DIGEST) == 100
    assert _append(blobs, 100, DATA[100:]) == len(DATA)
    blobs.finish(DATASET, DIGEST)
    assert _read(blobs) == DATA


@pytest.mark.parametrize("offset", [0, 99, 101])
def test_a_piece_at_another_offset_is_refused(blobs: Blobs, offset: int) -> None:
    _append(blobs, 0, DATA[:100])
    with pytest.raises(OffsetMismatch) as caught:
        _append(blobs, offset, DATA)
    assert caught.value.expected == 100
    assert blobs.offset(DATASET, DIGEST) == 100


def test_a_finished_blob_is_a_file_that_another_process_can_read(blobs: Blobs) -> None:
    with pytest.raises(BlobMissing):
        blobs.file(DATASET, DIGEST)
    _append(blobs, 0, DATA)
    blobs.finish(DATASET, DIGEST)
    assert blobs.file(DATASET, DIGEST).read_bytes() == DATA


def test_a_finished_blob_never_changes(blobs: Blobs) -> None:
    _append(blobs, 0, DATA)
    blobs.finish(DATASET, DIGEST)
    for offset in (0, len(DATA)):
        with pytest.raises(OffsetMismatch) as caught:
            _append(blobs, offset, b"more")
        assert caught.value.expected == len(DATA)
    assert _read(blobs) == DATA


def test_more_bytes_than_the_limit_are_not_stored(blobs: Blobs) -> None:
    with pytest.raises(TooManyBytes):
        _append(blobs, 0, DATA + b"!")
    assert blobs.offset(DATASET, DIGEST) == len(DATA)
    with pytest.raises(TooManyBytes):
        _append(blobs, len(DATA), b"!")
    blobs.finish(DATASET, DIGEST)
    assert _read(blobs) == DATA


def test_other_bytes_are_thrown_away(blobs: Blobs) -> None:
    _append(blobs, 0, DATA[:-1] + b"!")
    with pytest.raises(DigestMismatch):
        blobs.finish(DATASET, DIGEST)
    assert blobs.offset(DATASET, DIGEST) == 0
    _append(blobs, 0, DATA)
    blobs.finish(DATASET, DIGEST)
    assert _read(blobs) == DATA


def test_what_has_not_arrived_cannot_be_read_or_finished(blobs: Blobs) -> None:
    with pytest.raises(BlobMissing):
        blobs.open(DATASET, DIGEST)
    with pytest.raises(BlobMissing):
        blobs.finish(DATASET, DIGEST)
    _append(blobs, 0, DATA)
    with pytest.raises(BlobMissing):
        blobs.open(DATASET, DIGEST)


def test_a_second_writer_is_told_so(blobs: Blobs) -> None:
    seen: list[type[Exception]] = []

    def meddle() -> None:
        for action in (lambda: _append(blobs, 0, DATA), lambda: blobs.finish(DATASET, DIGEST)):
            try:
                action()
            except BlobBusy as error:
                seen.append(type(error))

    assert blobs.append(DATASET, DIGEST, 0, Meddling(DATA, meddle), len(DATA)) == len(DATA)
    assert set(seen) == {BlobBusy}
    blobs.finish(DATASET, DIGEST)
    assert _read(blobs) == DATA


def test_data_sets_do_not_share_blobs(blobs: Blobs) -> None:
    _append(blobs, 0, DATA)
    blobs.finish(DATASET, DIGEST)
    other = new_id("ds")
    assert blobs.offset(other, DIGEST) == 0
    with pytest.raises(BlobMissing):
        blobs.open(other, DIGEST)


def test_delete_removes_parts_and_finished_blobs(blobs: Blobs) -> None:
    blobs.delete(DATASET, DIGEST)
    _append(blobs, 0, DATA[:10])
    blobs.delete(DATASET, DIGEST)
    assert blobs.offset(DATASET, DIGEST) == 0
    _append(blobs, 0, DATA)
    blobs.finish(DATASET, DIGEST)
    blobs.delete(DATASET, DIGEST)
    with pytest.raises(BlobMissing):
        blobs.open(DATASET, DIGEST)


@pytest.mark.parametrize(
    ("dataset_id", "digest"),
    [("../etc", DIGEST), ("ds_" + "a" * 25 + "/", DIGEST), (DATASET, "sha256:../../passwd"), (DATASET, DIGEST.upper())],
    ids=["parent folder", "slash in the id", "path in the digest", "upper case"],
)
def test_names_that_lead_elsewhere_are_refused(blobs: Blobs, dataset_id: str, digest: str) -> None:
    for action in (
        lambda: blobs.offset(dataset_id, digest),
        lambda: blobs.append(dataset_id, digest, 0, io.BytesIO(), 1),
        lambda: blobs.finish(dataset_id, digest),
        lambda: blobs.open(dataset_id, digest),
        lambda: blobs.delete(dataset_id, digest),
    ):
        with pytest.raises(ValueError, match="a blob"):
            action()


def test_files_are_private_and_the_folder_goes_with_its_last_blob(tmp_path: Path) -> None:
    blobs = LocalBlobs(tmp_path / "blobs")
    _append(blobs, 0, DATA)
    blobs.finish(DATASET, DIGEST)
    path = blobs.path(DATASET, DIGEST)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    blobs.delete(DATASET, DIGEST)
    assert list((tmp_path / "blobs").iterdir()) == []


def test_a_writer_that_was_killed_leaves_its_part_and_no_lock(tmp_path: Path) -> None:
    script = f"""
        import io, os, signal
        from pathlib import Path
        from secure_ds.store.blobs_local import LocalBlobs
        class Dying(io.BytesIO):
            def read(self, size=-1):
                return super().read(size) or os.kill(os.getpid(), signal.SIGKILL)
        blobs = LocalBlobs(Path({str(tmp_path)!r}))
        blobs.append({DATASET!r}, {DIGEST!r}, 0, io.BytesIO(bytes(range(100))), 5120)
        blobs.append({DATASET!r}, {DIGEST!r}, 100, Dying(bytes(range(100, 200))), 5120)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False).returncode == -9
    blobs = LocalBlobs(tmp_path)
    kept = blobs.offset(DATASET, DIGEST)
    assert kept >= 100
    _append(blobs, kept, DATA[kept:])
    blobs.finish(DATASET, DIGEST)
    assert _read(blobs) == DATA


def _append(blobs: Blobs, offset: int, data: bytes) -> int:
    return blobs.append(DATASET, DIGEST, offset, io.BytesIO(data), len(DATA))


def _read(blobs: Blobs) -> bytes:
    stored: BinaryIO
    with blobs.open(DATASET, DIGEST) as stored:
        return stored.read()
