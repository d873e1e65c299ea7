"""When a process that ended may be started again."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from api.server import EXIT_CANNOT_START
from secure_ds.cli import children
from secure_ds.cli.children import Child, ProcessFailed


def run(child: Child, code: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", code])
    child.started(process)
    process.wait()


def test_killed_is_started_again_at_once(tmp_path: Path) -> None:
    child = Child("worker", tmp_path / "log")
    run(child, "import os; os.kill(os.getpid(), 9)")
    assert child.is_due()


def test_ended_by_itself_waits_longer_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE", 0.05)
    child = Child("worker", tmp_path / "log")
    for pause in (0.05, 0.1, 0.2):
        run(child, "raise SystemExit(1)")
        assert not child.is_due()
        time.sleep(pause)
        assert child.is_due()


def test_what_only_a_person_can_mend_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE", 0.0)
    child = Child("custodian", tmp_path / "log")
    run(child, f"raise SystemExit({EXIT_CANNOT_START})")
    assert not child.is_due()


def test_last_words_are_told(tmp_path: Path) -> None:
    child = Child("custodian", tmp_path / "log")
    child.log.write_text("the token refused the PIN\n")
    run(child, "raise SystemExit(4)")
    with pytest.raises(ProcessFailed, match="the custodian ended: the token refused the PIN"):
        child.require_alive()


def test_a_running_process_is_left_alone(tmp_path: Path) -> None:
    child = Child("api", tmp_path / "log")
    child.started(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
    child.require_alive()
    assert not child.is_due()
    child.process.communicate(b"\n")


def test_a_process_that_was_never_started(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the api was never started"):
        Child("api", tmp_path / "log").require_alive()
