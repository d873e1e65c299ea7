"""What the engine promises: writes exclude each other, reads are snapshots, nothing waits long or stays half done."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from audit.entry import Actor, ActorKind, EntryDraft, Outcome
from audit.query import EntryFilter
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.store import engine as engine_module
from secure_ds.store.engine import make_engine
from secure_ds.store.errors import StoreUnavailable, UnsupportedDatabase
from secure_ds.store.unit_of_work import Store
from tests.store.samples import HandClock, add_dataset, user


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "sqlite://", "sqlite:///:memory:", "not a url", "oracle://scott:tiger@host"]
)
def test_other_databases_are_refused_without_naming_secrets(url: str) -> None:
    with pytest.raises(UnsupportedDatabase) as caught:
        make_engine(url)
    assert "tiger" not in str(caught.value)


def test_a_sqlite_file_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    store = Store(make_engine(f"sqlite:///{tmp_path}/deep/er/x.db"), HandClock())
    with pytest.raises(DBAPIError), store.read() as unit:
        unit.users.get("nobody")  # no tables yet: the fault is the caller's, not the database's
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "deep" / "er").iterdir()}
    assert modes["x.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_sqlite_commits_survive_a_power_cut(tmp_path: Path) -> None:
    with make_engine(f"sqlite:///{tmp_path}/x.db").connect() as connection:
        settings = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_no_increment_is_lost_between_threads(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO meta (name, value) VALUES ('count', '0')"))

    def increment() -> None:
        for _ in range(10):
            with engine.begin() as connection:
                query = "SELECT value FROM meta WHERE name = 'count'"
                locking = " FOR UPDATE" if engine.dialect.name == "postgresql" else ""
                count = int(connection.execute(text(query + locking)).scalar_one())
                connection.execute(text("UPDATE meta SET value = :new WHERE name = 'count'"), {"new": str(count + 1)})

    _run_together([increment] * 8)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT value FROM meta WHERE name = 'count'")).scalar_one() == "80"


def test_a_block_that_raises_leaves_nothing(store: Store) -> None:
    row = user()
    with pytest.raises(RuntimeError), store.write() as unit:
        unit.users.add(row)
        unit.audit.append(_draft())
        raise RuntimeError
    with store.read() as unit:
        assert unit.users.get(row.id) is None
        assert unit.audit.head().size == 0


def test_a_change_and_its_audit_entry_are_one(store: Store) -> None:
    row = user()
    with store.write() as unit:
        unit.users.add(row)
        unit.audit.append(_draft())
    with store.read() as unit:
        assert unit.users.get(row.id) == row
        assert [entry.index for entry in unit.audit.query(EntryFilter("acme")).entries] == [0]


def test_a_read_sees_one_snapshot(store: Store) -> None:
    with store.read() as reading:
        before = reading.meta.get("origin")
        with store.write() as writing:
            writing.meta.put("origin", "example.org/log")
        assert reading.meta.get("origin") is before is None


def test_a_read_cannot_write(store: Store) -> None:
    with pytest.raises((StoreUnavailable, DBAPIError)), store.read() as unit:
        unit.users.add(user())
    with store.write() as unit:  # and the connection, back in the pool, can
        unit.users.add(user())


def test_a_held_lock_ends_in_a_prompt_error(store: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_LOCK_SECONDS", 1)
    monkeypatch.setattr(engine_module, "_POSTGRESQL_OPTIONS", "-c lock_timeout=1s")
    impatient = Store(make_engine(engine.url.render_as_string(hide_password=False)), HandClock())
    row = add_dataset(store)
    with store.write() as holder:
        holder.datasets.move(row.id, DatasetState.CHECKING)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not answer in time"), impatient.write() as unit:
            unit.datasets.move(row.id, DatasetState.CHECKING)
    assert time.monotonic() - started < 5


def test_a_database_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    store = Store(make_engine(f"postgresql://postgres@/none?host={tmp_path}"), HandClock())
    with pytest.raises(StoreUnavailable), store.read() as unit:
        unit.meta.get("origin")


def test_a_killed_writer_leaves_nothing_and_blocks_nobody(store: Store, migrated_url: str) -> None:
    script = f"""
        import sys, time
        from secure_ds.core.clock import SystemClock
        from secure_ds.store.engine import make_engine
        from secure_ds.store.unit_of_work import Store
        with Store(make_engine({migrated_url!r}), SystemClock()).write() as unit:
            unit.meta.put("half", "done")
            print("written", flush=True)
            time.sleep(60)
    """
    program = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        os.kill(process.pid, signal.SIGKILL)
    with store.write() as unit:
        assert unit.meta.get("half") is None
        unit.meta.put("half", "whole")


def _draft() -> EntryDraft:
    actor = Actor("user_a", "acme", ("operator",), ActorKind.USER)
    return EntryDraft(action="test.act", actor=actor, tenant="acme", outcome=Outcome.DONE)


def _run_together(actions: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=action) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
