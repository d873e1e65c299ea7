"""One answer per (job, step), paid for first, in order, for the weights that follow from the answers before."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from secure_ds.custodian import answering
from secure_ds.custodian.answering import answer_step
from secure_ds.custodian.errors import (
    CiphertextRejected,
    FenceStale,
    LimitExceeded,
    PlanMismatch,
    SpendMissing,
    StepConflict,
    StepOutOfOrder,
)
from secure_ds.custodian.grants import grant
from secure_ds.services.planning import plan_for
from secure_ds.store.engine import make_engine
from secure_ds.wire.custodian import GrantRequest, StepAnswer, StepQuestion, Submitter
from secure_ds.wire.jobs import TrainingRequest
from tests.custodian.test_grants import pay_in_journal, spent
from tests.prepared import MAX_DECRYPTIONS, STEPS, Hands, Prepared, another_valid


class PowerCut(BaseException):
    """The process ends here."""


def answer(hands: Hands, question: StepQuestion) -> StepAnswer:
    return answer_step(hands.installation.custodian, question)


def spends(hands: Hands) -> int:
    return len(hands.installation.custodian.journal.spends(hands.job.id))


def last_entry(hands: Hands) -> Any:
    with hands.installation.store.read() as work:
        return work.audit.entry(work.audit.head().size - 1).read().draft


def answers_logged(hands: Hands) -> int:
    with hands.installation.store.read() as work:
        entries = [entry.read().draft for entry in work.audit.walk(0, work.audit.head().size)]
    return sum(entry.action == "key:use" and entry.outcome == "done" for entry in entries)


def pretend_paid(hands: Hands, digest: str) -> None:
    """Write a step into the service's database by hand: what a compromised service can do."""
    statement = text(
        "INSERT INTO steps (job_id, step, fence, weights_digest, ciphertext_digest, units, spent_at)"
        " VALUES (:job, :step, 1, :weights, :digest, 1, '2026-01-01 00:00:00.000000')"
    )
    values = {"job": hands.job.id, "step": hands.step, "weights": hands.weights_digest, "digest": digest}
    with make_engine(hands.installation.database_url).begin() as connection:
        connection.execute(statement, values)


def test_all_steps_are_answered_in_order_and_logged(hands: Hands) -> None:
    for _ in range(STEPS):
        hands.carry_out()
    assert answers_logged(hands) == spends(hands) == STEPS
    assert last_entry(hands).details["step"] == STEPS - 1


def test_the_same_question_gets_the_stored_answer(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    first = answer(hands, hands.question(ciphertext))
    again = answer(hands, hands.question(ciphertext))
    assert (first.replayed, again.replayed) == (False, True)
    assert first.answer == again.answer
    assert (spends(hands), answers_logged(hands)) == (1, 1)


def test_an_answer_survives_the_job_going_on(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    question = hands.question(ciphertext)
    first = hands.carry_out()
    hands.carry_out()
    assert [int(value) for value in answer(hands, question).answer] == first


def test_another_ciphertext_for_an_answered_step_is_refused_and_logged(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    answer(hands, hands.question(ciphertext))
    with pytest.raises(StepConflict):
        answer(hands, hands.question(another_valid(ciphertext)))
    refused = last_entry(hands)
    assert (refused.action, refused.outcome, refused.details["code"]) == ("key:use", "denied", "step_conflict")
    assert refused.details["asked"] != refused.details["paid"]
    assert spends(hands) == 1


def test_a_question_without_a_ledger_entry_is_refused(hands: Hands) -> None:
    with pytest.raises(SpendMissing):
        answer(hands, hands.question(hands.evaluate()))
    assert spends(hands) == 0


def test_a_ledger_entry_for_another_ciphertext_does_not_count(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with pytest.raises(SpendMissing):
        answer(hands, hands.question(another_valid(ciphertext)))
    assert spends(hands) == 0


@pytest.mark.parametrize("step", [1, STEPS, 2**40])
def test_steps_are_answered_in_turn(hands: Hands, step: int) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with pytest.raises(StepOutOfOrder):
        answer(hands, hands.question(ciphertext, step=step))
    assert spends(hands) == 0


def test_a_job_has_no_step_beyond_its_plan(hands: Hands) -> None:
    for _ in range(STEPS):
        hands.carry_out()
    ciphertext = hands.evaluate()
    with pytest.raises(StepOutOfOrder):
        answer(hands, hands.question(ciphertext))
    assert spends(hands) == STEPS


def test_weights_must_follow_from_the_answers(hands: Hands) -> None:
    hands.carry_out()
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with pytest.raises(StepOutOfOrder, match="weights"):
        answer(hands, hands.question(ciphertext, weights_digest="sha256:" + "0" * 64))
    assert spends(hands) == 1


def test_a_replaced_worker_is_refused(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    hands.answers.append([int(value) for value in answer(hands, hands.question(ciphertext, fence=7)).answer])
    ciphertext = hands.evaluate()
    with pytest.raises(FenceStale):
        answer(hands, hands.question(ciphertext, fence=6))
    assert spends(hands) == 1


def truncated(ciphertext: bytes) -> bytes:
    return ciphertext[:-8]


def residue_too_large(ciphertext: bytes) -> bytes:
    return ciphertext[:-1] + b"\xff"


def other_scale(ciphertext: bytes) -> bytes:
    scale_at = 16 + 32 + 1 + 3 * 8
    return ciphertext[:scale_at] + bytes(8) + ciphertext[scale_at + 8 :]


def empty(_: bytes) -> bytes:
    return b""


@pytest.mark.parametrize(
    "broken", [truncated, residue_too_large, other_scale, empty], ids=lambda broken: broken.__name__
)
def test_a_malformed_ciphertext_costs_nothing(hands: Hands, broken: Callable[[bytes], bytes]) -> None:
    ciphertext = broken(hands.evaluate())
    hands.pay(ciphertext)
    with pytest.raises(CiphertextRejected):
        answer(hands, hands.question(ciphertext))
    assert spends(hands) == 0


def test_the_owners_budget_holds_whatever_the_services_database_says(hands: Hands, ready: Prepared) -> None:
    limit = hands.plan.facts.parts[0].limit.units
    pay_in_journal(ready, spent(ready, limit - hands.plan.charges[0] + 1))
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)  # the service's own ledger shows no trace of that other spend
    with pytest.raises(LimitExceeded):
        answer(hands, hands.question(ciphertext))
    assert spends(hands) == 0
    assert last_entry(hands).details["code"] == "owner_limit_exceeded"


def test_the_owners_number_of_decryptions_holds_for_life(hands: Hands, ready: Prepared) -> None:
    pay_in_journal(ready, spent(ready, 1, MAX_DECRYPTIONS))
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with pytest.raises(LimitExceeded):
        answer(hands, hands.question(ciphertext))


def test_forged_rows_in_the_services_database_buy_nothing(hands: Hands) -> None:
    """A compromised service pretends that the job starts anew, to have the first step released once more."""
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    first = answer(hands, hands.question(ciphertext))
    with make_engine(hands.installation.database_url).begin() as connection:
        connection.execute(text("DELETE FROM steps"))
    other = another_valid(ciphertext)
    pretend_paid(hands, answering.digest_bytes(other))
    with pytest.raises(StepConflict):
        answer(hands, hands.question(other))
    assert answer(hands, hands.question(ciphertext)).answer == first.answer
    assert spends(hands) == 1


def test_a_crash_between_payment_and_answer_is_made_good_once(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with monkeypatch.context() as cut, pytest.raises(PowerCut):
        cut.setattr(answering, "_decrypt", _cut_power)
        answer(hands, hands.question(ciphertext))
    assert (spends(hands), answers_logged(hands)) == (1, 0)
    with pytest.raises(StepConflict):
        answer(hands, hands.question(another_valid(ciphertext)))
    first = answer(hands, hands.question(ciphertext))
    again = answer(hands, hands.question(ciphertext))
    assert (first.replayed, again.replayed, first.answer) == (False, True, again.answer)
    assert (spends(hands), answers_logged(hands)) == (1, 1)


def test_a_crash_after_the_answer_is_stored_says_the_same_afterwards(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with monkeypatch.context() as cut, pytest.raises(PowerCut):
        cut.setattr(answering, "deliver", _cut_power)
        answer(hands, hands.question(ciphertext))
    stored = hands.installation.custodian.journal.answer(hands.job.id, 0)
    assert answers_logged(hands) == 0
    told = answer(hands, hands.question(ciphertext))
    assert told.replayed
    assert [int(value) for value in told.answer] == stored
    assert answers_logged(hands) == 1


def test_a_job_keeps_the_plan_it_began_with(hands: Hands, ready: Prepared) -> None:
    """A compromised service has the first step answered under a dear plan and goes on under a cheap one."""
    cheap = TrainingRequest.model_validate({**dict(hands.job.request), "epsilon": 0.5})
    plan = plan_for([ready.descriptor], cheap)
    submitter = Submitter(id="alice", tenant="clinic", roles=[], purposes=["research"], clearance=3)
    asked = GrantRequest(
        job_id=hands.job.id,
        request=cheap,
        dataset_ids=[ready.dataset_id],
        plan_digest=plan.digest,
        submitter=submitter,
        request_id="r",
    )
    consent = grant(ready.installation.custodian, asked).envelope
    hands.carry_out()
    hands.plan = plan
    ciphertext = hands.evaluate()
    pretend_paid(hands, answering.digest_bytes(ciphertext))
    with pytest.raises(PlanMismatch):
        answer(hands, hands.question(ciphertext, grant=consent))
    with pytest.raises(PlanMismatch):
        grant(ready.installation.custodian, asked)
    assert spends(hands) == 1


def _cut_power(*_: object) -> None:
    raise PowerCut
