"""What the custodian did reaches the audit log exactly once, and before anybody hears of it."""

import pytest

from audit.entry import EntryDraft
from audit.errors import AuditUnavailable
from audit.log import AuditLog
from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.journal import Journal, Page
from secure_ds.custodian.server import create_server
from secure_ds.store.engine import make_engine
from tests.prepared import Hands, Prepared

EVENT = "key:use/test/1"


class PowerCut(BaseException):
    """The process ends here."""


def _cut_power(*_: object) -> None:
    raise PowerCut


def owed(custodian: CustodianContext, event_id: str = EVENT) -> EntryDraft:
    """Do something that owes the log an entry, and die before delivering it."""
    draft = entry("key:use", "clinic", details={"step": 1, "answers": ["1", "-2"], "nested": {"a": [1, None]}})
    draft = EntryDraft(**{**{name: getattr(draft, name) for name in draft.__slots__}, "event_id": event_id})
    with custodian.journal.append() as page:
        page.announce(event_id, as_json(draft))
    return draft


def recorded(custodian: CustodianContext, event_id: str = EVENT) -> list[EntryDraft]:
    with custodian.store.read() as work:
        drafts = [found.read().draft for found in work.audit.walk(0, work.audit.head().size)]
    return [draft for draft in drafts if draft.event_id == event_id]


def test_an_owed_entry_is_delivered_as_it_was_announced(ready: Prepared) -> None:
    custodian = ready.installation.custodian
    draft = owed(custodian)
    deliver(custodian)
    assert recorded(custodian) == [draft]
    assert custodian.journal.pending() == []


def test_a_crash_before_delivery_is_made_good_at_the_next_start(ready: Prepared) -> None:
    custodian = ready.installation.custodian
    owed(custodian)
    assert recorded(custodian) == []
    create_server(custodian)
    create_server(custodian)
    assert len(recorded(custodian)) == 1


def test_a_crash_between_log_and_receipt_delivers_nothing_twice(
    ready: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    custodian = ready.installation.custodian
    owed(custodian)
    with monkeypatch.context() as cut, pytest.raises(PowerCut):
        cut.setattr(Page, "delivered", _cut_power)
        deliver(custodian)
    assert (len(recorded(custodian)), len(custodian.journal.pending())) == (1, 1)
    deliver(custodian)
    assert (len(recorded(custodian)), len(custodian.journal.pending())) == (1, 0)


def test_owed_entries_keep_their_order(ready: Prepared) -> None:
    custodian = ready.installation.custodian
    events = [f"{name}/{number}" for number, name in enumerate("zyxwabc")]
    for event in events:
        owed(custodian, event)
    deliver(custodian)
    with custodian.store.read() as work:
        size = work.audit.head().size
        found = [each.read().draft.event_id for each in work.audit.walk(size - len(events), size)]
    assert found == events


def test_no_answer_is_heard_while_the_log_is_away(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is stored and owed; when the log is back, the same question gets it, and the log has it once."""
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    server = create_server(hands.installation.custodian, over_socket=False).test_client()
    question = hands.question(ciphertext).model_dump_json()
    with monkeypatch.context() as away:
        away.setattr(AuditLog, "append", _unavailable)
        refused = server.post("/answer", data=question)
    assert refused.status_code == 503
    assert refused.json["code"] == "unavailable"  # type: ignore[index]
    stored = hands.installation.custodian.journal.answer(hands.job.id, 0)
    assert stored is not None
    told = server.post("/answer", data=question).json
    assert told == {"step": 0, "answer": [str(value) for value in stored], "replayed": True}
    assert len(recorded(hands.installation.custodian, f"key:use/{hands.job.id}/0/{hands.descriptor.dataset_id}")) == 1


def test_the_journal_survives_the_process(ready: Prepared) -> None:
    owed(ready.installation.custodian)
    reopened = Journal(make_engine(f"sqlite:///{ready.installation.home / 'journal.db'}"))
    assert [event_id for event_id, _ in reopened.pending()] == [EVENT]


def _unavailable(*_: object, **__: object) -> None:
    raise AuditUnavailable("the log does not answer")
