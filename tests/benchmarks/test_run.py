"""The driver: what it finds, prints and keeps, and that a missed target is not passed over."""

import json
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import run
from benchmarks.data_files import MissingData, data_file
from benchmarks.rows import Row

MISSED = Row("step", 2.0, "s", against="tutorial 3 s", ratio=1.5, target="at least 3 times", holds=False)
MET = Row("size", 5.0, "MiB", target="at most 6", holds=True)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of benchmarks in place of ours."""
    folder = tmp_path / "benchmarks"
    folder.mkdir()
    monkeypatch.setattr(run, "HOME", folder)
    return folder


def give(monkeypatch: pytest.MonkeyPatch, rows: list[Row]) -> None:
    module = type("module", (), {"run": staticmethod(lambda: rows)})
    monkeypatch.setattr(run, "import_module", lambda name: module)


@pytest.mark.parametrize(
    "half",
    [{"against": "theirs"}, {"ratio": 2.0}, {"target": "at least 1"}, {"holds": True}],
)
def test_half_a_comparison_is_refused(half: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="go together"):
        Row("speed", 1.0, "s", **half)  # type: ignore[arg-type]  # one argument at a time, of its own type


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_measurement_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite measurement"):
        Row("speed", value, "s")


def test_helpers_are_no_benchmarks(home: Path) -> None:
    for name in ["step", "_circuit", "run", "rows", "machine"]:
        (home / f"{name}.py").touch()
    assert run.benchmark_names() == ["step"]


def test_an_unknown_benchmark_fails(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "step.py").touch()
    assert run.main(["stop"]) == 1
    assert "there is no benchmark stop; there are: step" in capsys.readouterr().out


@pytest.mark.parametrize(("rows", "code"), [([MET], 0), ([MET, MISSED], 1)])
def test_exit_code_tells_whether_targets_hold(
    home: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Row], code: int
) -> None:
    (home / "step.py").touch()
    give(monkeypatch, rows)
    assert run.main([]) == code
    (kept,) = (home / "results").iterdir()
    assert [row["name"] for row in json.loads(kept.read_text())["rows"]] == [row.name for row in rows]


def test_a_benchmark_without_its_data_is_skipped_loudly(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "digits.py").touch()
    monkeypatch.setattr("benchmarks.data_files.DIRECTORY", home)
    module = type("module", (), {"run": staticmethod(lambda: [MET] if data_file("digits.npz") else [])})
    monkeypatch.setattr(run, "import_module", lambda name: module)
    assert run.main([]) == 0
    assert "SKIPPED digits: digits.npz is not there" in capsys.readouterr().out
    assert not (home / "results").exists()


def test_a_data_file_that_is_there_is_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.data_files.DIRECTORY", home)
    with pytest.raises(MissingData):
        data_file("digits.npz")
    (home / "digits.npz").touch()
    assert data_file("digits.npz") == home / "digits.npz"


def test_the_document_names_time_and_machine_and_no_host() -> None:
    document = json.loads(run.result_document("step", [MISSED], datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)))
    assert document["taken_at"] == "2026-01-02T03:04:05+00:00"
    assert set(document["machine"]) == {"processor", "cores", "memory_gib", "load_average", "system", "python"}
    assert document["rows"][0]["holds"] is False


def test_results_are_dated() -> None:
    assert run.result_path("step", date(2026, 1, 2)).name == "2026-01-02-step.json"


def test_the_table_shows_what_is_missed() -> None:
    page = StringIO()
    Console(width=200, file=page).print(run.result_table("step", [MISSED]))
    assert "NO" in page.getvalue()
