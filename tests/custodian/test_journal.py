"""The custodian's memory is only ever added to, and a page is written whole or not at all."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from secure_ds.custodian import journal as journal_module
from secure_ds.custodian.journal import (
    Check,
    Confirmation,
    ConsentRecord,
    Group,
    Journal,
    JournalBusy,
    Registration,
    Spend,
    Succession,
    metadata,
)
from secure_ds.custodian.sealed.journal import (
    SealedCharge,
    SealedJournal,
    SealedRegistration,
    Session,
    SettlementRecord,
    write_charge,
    write_session,
    write_settlement,
)
from secure_ds.custodian.sealed.journal import write_registration as write_sealed_registration
from secure_ds.store.engine import make_engine

DIGEST = "sha256:" + "0" * 64
SEALED = SealedRegistration("ds", "clinic", "alice", DIGEST, b"{}", b"wrapped")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return make_engine(f"sqlite:///{tmp_path / 'journal.db'}")


@pytest.fixture
def journal(engine: Engine) -> Journal:
    return Journal(engine)


def spend(step: int, job_id: str = "job", dataset_id: str = "ds", fence: int = 1, units: int = 5) -> Spend:
    return Spend(job_id, step, dataset_id, dataset_id, fence, DIGEST, DIGEST, DIGEST, units)


def write_one_of_each(journal: Journal) -> None:
    with journal.append() as page:
        page.registered(Registration("ds", "clinic", "alice", DIGEST, b"{}", b"wrapped"))
        page.succeeded(Succession("ds", "ds_parent", b"rotation key"))
        page.founded(Group("collab", b"{}", b"wrapped"))
        page.consented(ConsentRecord("ds", 1, b"{}"))
        page.checked(Check("ds", 0, DIGEST, True))
        page.spent(spend(0))
        page.answered("job", 0, [2**80, -3])
        page.confirmed(Confirmation("job", 0, "ab" * 32, "north", b"s" * 64))
        page.certified("job", b"{}")
        page.signed_checkpoint(7, b"\1" * 32)
        write_sealed_registration(page, SEALED)
        write_session(page, Session("job", 1, "session", "signing"))
        write_charge(page, SealedCharge("job", "ds", DIGEST, 7, (2**80, 3)))
        write_settlement(page, SettlementRecord("job", 5, "{}", "signature"))
        page.announce("event", {"action": "key:use"})
        page.delivered("event")


def test_everything_written_is_read_back(journal: Journal) -> None:
    write_one_of_each(journal)
    assert journal.registration("ds") == Registration("ds", "clinic", "alice", DIGEST, b"{}", b"wrapped")
    assert (journal.successor("ds_parent"), journal.rotation_key("ds")) == ("ds", b"rotation key")
    assert journal.group("collab") == Group("collab", b"{}", b"wrapped")
    assert journal.consent("ds") == ConsentRecord("ds", 1, b"{}")
    assert journal.check("ds", 0) == Check("ds", 0, DIGEST, True)
    assert (journal.spend("job", 0), journal.spends("job")) == (spend(0), [spend(0)])
    assert journal.confirmations("job") == [Confirmation("job", 0, "ab" * 32, "north", b"s" * 64)]
    assert (journal.answer("job", 0), journal.answers("job")) == ([2**80, -3], [[2**80, -3]])
    assert (journal.certificate("job"), journal.last_checkpoint()) == (b"{}", (7, b"\1" * 32))
    sealed = SealedJournal(journal)
    assert sealed.registration("ds") == SEALED
    assert sealed.sessions("job") == [Session("job", 1, "session", "signing")]
    assert (sealed.is_known("session", ""), sealed.is_known("", "signing")) == (True, True)
    assert sealed.charges("job") == [SealedCharge("job", "ds", DIGEST, 7, (2**80, 3))]
    assert sealed.settlement("job") == SettlementRecord("job", 5, "{}", "signature")
    assert sealed.spent(["ds"], 2) == (5 * 2**80, 15)
    assert journal.pending() == []


def test_an_empty_journal_knows_nothing(journal: Journal) -> None:
    assert journal.registration("ds") is journal.check("ds", 0) is journal.spend("job", 0) is None
    assert journal.answer("job", 0) is journal.certificate("job") is journal.last_checkpoint() is None
    assert (journal.units_spent(["ds"]), journal.releases("ds"), journal.checks_made("ds")) == (0, 0, 0)
    assert journal.successor("ds") is journal.rotation_key("ds") is None
    assert journal.group("collab") is journal.consent("ds") is None
    assert journal.releases_of_key("ds") == 0
    assert journal.line("ds") == ["ds"]
    sealed = SealedJournal(journal)
    assert sealed.registration("ds") is sealed.settlement("job") is None
    assert (sealed.sessions("job"), sealed.charges("job"), sealed.spent(["ds"], 2)) == ([], [], (0, 0))
    assert not sealed.is_known("session", "signing")
    assert (journal.highest_fence("job"), journal.answers("job"), journal.pending()) == (0, [], [])


@pytest.mark.parametrize("table", [table.name for table in metadata.sorted_tables])
@pytest.mark.parametrize("verb", ["DELETE FROM {0}", "UPDATE {0} SET {1} = {1}"])
def test_the_database_itself_refuses_changes(journal: Journal, engine: Engine, table: str, verb: str) -> None:
    write_one_of_each(journal)
    column = metadata.tables[table].columns.keys()[0]
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(text(verb.format(table, column)))


@pytest.mark.parametrize(
    "again",
    [
        lambda page: page.registered(Registration("ds", "clinic", "mallory", DIGEST, b"", b"")),
        lambda page: page.succeeded(Succession("ds_2", "ds_parent", b"")),
        lambda page: page.checked(Check("ds", 0, DIGEST, False)),
        lambda page: page.founded(Group("collab", b"other", b"")),
        lambda page: page.consented(ConsentRecord("ds", 1, b"other")),
        lambda page: page.spent(spend(0, units=9)),
        lambda page: page.answered("job", 0, [0]),
        lambda page: page.certified("job", b"other"),
        lambda page: page.signed_checkpoint(7, b"\2" * 32),
        lambda page: page.announce("event", {}),
    ],
    ids=["key", "successor", "verdict", "group", "consent", "spend", "answer", "certificate", "checkpoint", "event"],
)
def test_nothing_is_written_twice(journal: Journal, again: object) -> None:
    write_one_of_each(journal)
    with pytest.raises(IntegrityError), journal.append() as page:
        again(page)  # type: ignore[operator]


def test_a_page_is_written_whole_or_not_at_all(journal: Journal) -> None:
    with pytest.raises(RuntimeError), journal.append() as page:
        page.spent(spend(0))
        page.announce("event", {})
        raise RuntimeError("the process stops here")
    assert journal.spend("job", 0) is None
    assert journal.pending() == []


def test_counts_are_per_data_set_and_fences_per_job(journal: Journal) -> None:
    with journal.append() as page:
        page.spent(spend(0, fence=3, units=2**40))
        page.spent(spend(1, fence=2, units=1))
        page.spent(spend(0, job_id="job_2", fence=9))
        page.spent(spend(0, job_id="job_3", dataset_id="ds_2", units=100))
        page.checked(Check("ds", 0, DIGEST, True))
        page.checked(Check("ds", 1, DIGEST, False))
    assert (journal.units_spent(["ds"]), journal.releases("ds")) == (2**40 + 6, 3)
    assert (journal.highest_fence("job"), journal.highest_fence("job_2")) == (3, 9)
    assert (journal.checks_passed("ds"), journal.checks_made("ds")) == (1, 2)


def test_one_decryption_under_a_shared_key_is_paid_by_every_data_set_and_counted_once(journal: Journal) -> None:
    with journal.append() as page:
        for dataset_id in ("ds_2", "ds_1"):
            page.spent(replace(spend(0, dataset_id=dataset_id), key_id="collab"))
        page.spent(replace(spend(1, dataset_id="ds_1"), key_id="collab"))
    assert (journal.releases("ds_1"), journal.releases("ds_2"), journal.releases_of_key("collab")) == (2, 1, 2)
    assert [paid.dataset_id for paid in journal.spends("job")] == ["ds_1", "ds_2", "ds_1"]


def test_the_newest_consent_holds(journal: Journal) -> None:
    with journal.append() as page:
        for number in (7, 9, 8):
            page.consented(ConsentRecord("ds", number, b"{}"))
    assert journal.consent("ds") == ConsentRecord("ds", 9, b"{}")


def test_a_line_of_keys_has_one_budget_and_counts_of_their_own(journal: Journal) -> None:
    with journal.append() as page:
        page.succeeded(Succession("second", "first", b""))
        page.succeeded(Succession("third", "second", b""))
        page.spent(spend(0, job_id="a", dataset_id="first", units=2))
        page.spent(spend(0, job_id="b", dataset_id="second", units=3))
        page.spent(spend(0, job_id="c", dataset_id="third", units=4))
        page.spent(spend(0, job_id="d", dataset_id="other", units=100))
    assert journal.line("third") == ["third", "second", "first"]
    assert journal.units_spent(journal.line("third")) == 9
    assert [journal.releases(name) for name in ("first", "second", "third")] == [1, 1, 1]


def test_the_last_checkpoint_is_the_largest(journal: Journal) -> None:
    for size in (5, 12, 9):
        with journal.append() as page:
            page.signed_checkpoint(size, bytes([size]) * 32)
    assert journal.last_checkpoint() == (12, b"\x0c" * 32)


def test_opening_again_keeps_what_is_there(journal: Journal, engine: Engine) -> None:
    write_one_of_each(journal)
    assert Journal(engine).spends("job") == [spend(0)]


def test_a_spend_is_on_the_disk_before_the_call_returns(engine: Engine, journal: Journal) -> None:
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() >= 2  # FULL: fsync at every commit


def test_nobody_else_may_read_the_file(tmp_path: Path, journal: Journal) -> None:
    write_one_of_each(journal)
    for path in tmp_path.glob("journal.db*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_journal_has_one_custodian_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "LOCK_SECONDS", 0.2)
    first = Journal.open_alone(tmp_path / "journal.db")
    with pytest.raises(JournalBusy):
        Journal.open_alone(tmp_path / "journal.db")
    assert first.last_checkpoint() is None
    del first
    assert Journal.open_alone(tmp_path / "journal.db").last_checkpoint() is None
