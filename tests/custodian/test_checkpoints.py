"""The custodian never signs two tree heads that contradict each other, whatever the service's database says."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from audit.checkpoint import open_checkpoint
from audit.note import VerifierKey
from secure_ds.custodian import checkpoints
from secure_ds.custodian.checkpoints import checkpoint
from secure_ds.custodian.context import log_now
from secure_ds.custodian.errors import CheckpointRefused
from secure_ds.store.engine import make_engine
from tests.installation import ORIGIN, Installation
from tests.prepared import Prepared


class PowerCut(BaseException):
    """The process ends here."""


def write_something(installation: Installation) -> None:
    log_now(installation.custodian, checkpoints.entry("job:run", "clinic"))


def stored_sizes(installation: Installation) -> list[int]:
    with installation.store.read() as work:
        return [int(note.split("\n")[1]) for note in work.audit.checkpoints(0, work.audit.head().size + 1)]


def test_a_head_is_signed_once_and_growth_is_followed(ready: Prepared) -> None:
    installation = ready.installation
    first = checkpoint(installation.custodian)
    assert checkpoint(installation.custodian) == first
    write_something(installation)
    assert checkpoint(installation.custodian) == first + 1
    assert stored_sizes(installation)[-2:] == [first, first + 1]


def copy_database(source: Path, target: Path) -> None:
    """Copy a database over another while both are in use, as a restored backup does."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@pytest.fixture
def backup(ready: Prepared) -> Path:
    """A copy of the service's database, from before the checkpoint that the test signs."""
    copy_database(ready.installation.home / "service.db", ready.installation.home / "backup.db")
    return ready.installation.home / "backup.db"


@pytest.mark.parametrize("entries_since", [0, 5], ids=["shorter than signed", "grown past the signed size"])
def test_a_restored_backup_gets_no_checkpoint(ready: Prepared, backup: Path, entries_since: int) -> None:
    installation = ready.installation
    write_something(installation)
    signed = checkpoint(installation.custodian)
    copy_database(backup, installation.home / "service.db")
    for _ in range(entries_since):
        write_something(installation)
    for _ in range(2):
        with pytest.raises(CheckpointRefused, match=str(signed)):
            checkpoint(installation.custodian)
    assert found_rollbacks(installation) == 1


def test_a_rewritten_log_gets_no_checkpoint(ready: Prepared) -> None:
    """Whoever changes an entry and every hash above it, past the triggers, has a tree that does not extend the old."""
    installation = ready.installation
    checkpoint(installation.custodian)
    with make_engine(installation.database_url).begin() as connection:
        for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE audit_nodes SET hash = zeroblob(32) WHERE position = 0"))
        connection.execute(text("UPDATE audit_entries SET leaf_hash = zeroblob(32) WHERE entry_index = 0"))
    write_something(installation)
    with pytest.raises(CheckpointRefused):
        checkpoint(installation.custodian)


def test_a_crash_between_signing_and_storing_is_made_good(ready: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = ready.installation
    write_something(installation)
    with monkeypatch.context() as cut, pytest.raises(PowerCut):
        cut.setattr("audit.log.AuditLog.store_checkpoint", _cut_power)
        checkpoint(installation.custodian)
    size = checkpoint(installation.custodian)
    assert stored_sizes(installation)[-1] == size


def test_checkpoints_verify_under_the_published_key(ready: Prepared) -> None:
    custodian = ready.installation.custodian
    checkpoint(custodian)
    with ready.installation.store.read() as work:
        note = work.audit.latest_checkpoint()
    assert note is not None
    key = VerifierKey.parse(custodian.keyring.public_keys().checkpoint_key)
    assert open_checkpoint(note, [key], ORIGIN).checkpoint.size == checkpoint(custodian)


def found_rollbacks(installation: Installation) -> int:
    with installation.store.read() as work:
        entries = work.audit.walk(0, work.audit.head().size)
        return sum(entry.read().draft.action == "audit:rollback_found" for entry in entries)


def _cut_power(*_: object) -> None:
    raise PowerCut
