"""Dual evaluation at the custodian: two listed domains attest the very ciphertext, or nothing is spent or decrypted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secure_ds.core.evaluators import NOBODY, Evaluators
from secure_ds.custodian.answering import answer_step
from secure_ds.custodian.errors import EvaluationConflict, EvaluationUnconfirmed, EvaluatorsMissing
from secure_ds.custodian.grants import grant, open_grant
from secure_ds.jobs.evaluation import Attestation, EvaluatorIdentity
from secure_ds.services.context import CustodyRefused
from secure_ds.training.encrypted.release import digest_of
from secure_ds.wire.custodian import StepAnswer
from tests.prepared import STEPS, Hands, another_valid
from tests.witnesses import LISTED, NORTH, NORTH_TOO, SOUTH, STRANGER, evaluation, store, with_dual_job

Forgery = Callable[[Hands, bytes], list[Attestation]]


@pytest.fixture
def hands(tmp_path: Path) -> Hands:
    """North's worker before the first step of a job under dual evaluation."""
    return Hands(with_dual_job(tmp_path).installation, NORTH)


def ask(hands: Hands, ciphertext: bytes) -> StepAnswer:
    return answer_step(hands.installation.custodian, hands.question(ciphertext))


def spends(hands: Hands) -> int:
    return len(hands.installation.custodian.journal.spends(hands.job.id))


def last_entry(hands: Hands) -> Any:
    with hands.installation.store.read() as work:
        return work.audit.entry(work.audit.head().size - 1).read().draft


def confirm(hands: Hands, ciphertext: bytes) -> None:
    said = evaluation(hands, ciphertext)
    store(hands.installation, NORTH.attest(said), SOUTH.attest(said))


def test_what_two_domains_attest_is_answered(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    confirm(hands, ciphertext)
    assert not ask(hands, ciphertext).replayed
    known = hands.installation.custodian.journal.confirmations(hands.job.id)
    assert {(each.step, each.domain) for each in known} == {(0, "north"), (0, "south")}


def nothing(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    return []


def its_own_word_alone(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    return [NORTH.attest(evaluation(hands, ciphertext))]


def two_workers_of_one_domain(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    return [who.attest(evaluation(hands, ciphertext)) for who in (NORTH, NORTH_TOO)]


def one_key_under_two_domains(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    posing = EvaluatorIdentity("south", NORTH_TOO.key)
    return [who.attest(evaluation(hands, ciphertext)) for who in (NORTH, posing)]


def a_key_that_nobody_listed(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    return [who.attest(evaluation(hands, ciphertext)) for who in (NORTH, STRANGER)]


def a_tampered_signature(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    said = SOUTH.attest(evaluation(hands, ciphertext))
    flipped = bytes([said.signature[0] ^ 1]) + said.signature[1:]
    return [NORTH.attest(said.evaluation), replace(said, signature=flipped)]


def signed_by_the_wrong_key(hands: Hands, ciphertext: bytes) -> list[Attestation]:
    said = NORTH.attest(evaluation(hands, ciphertext))
    return [said, replace(said, domain="south", evaluator=SOUTH.public_key)]


def _relabelled(**changes: object) -> Forgery:
    def forge(hands: Hands, ciphertext: bytes) -> list[Attestation]:
        honest = evaluation(hands, ciphertext)
        elsewhere = SOUTH.attest(evaluation(hands, ciphertext, **changes))
        return [NORTH.attest(honest), replace(elsewhere, evaluation=honest)]

    return forge


FORGERIES: dict[str, Forgery] = {
    "nothing": nothing,
    "its own word alone": its_own_word_alone,
    "two workers of one domain": two_workers_of_one_domain,
    "one key under two domains": one_key_under_two_domains,
    "a key that nobody listed": a_key_that_nobody_listed,
    "a tampered signature": a_tampered_signature,
    "another's name on its own signature": signed_by_the_wrong_key,
    "replayed from another job": _relabelled(job_id="job_" + "a" * 26),
    "replayed from another step": _relabelled(step=1),
    "replayed from another plan": _relabelled(plan_digest="sha256:" + "0" * 64),
    "replayed from other weights": _relabelled(weights_digest="sha256:" + "0" * 64),
    "replayed from another ciphertext": _relabelled(ciphertext_digest="sha256:" + "0" * 64),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_anything_less_is_refused_and_costs_nothing(hands: Hands, forge: Forgery) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    store(hands.installation, *forge(hands, ciphertext))
    with pytest.raises(EvaluationUnconfirmed):
        ask(hands, ciphertext)
    refused = last_entry(hands)
    assert (refused.action, refused.outcome, refused.details["code"]) == ("key:use", "denied", "evaluation_unconfirmed")
    assert refused.details["asked"] == digest_of([ciphertext])
    assert spends(hands) == 0
    assert hands.installation.custodian.journal.answer(hands.job.id, 0) is None


def test_the_other_steps_word_does_not_count_for_this_one(hands: Hands) -> None:
    """A replay through the service's own tables: the rows of step 0, copied to step 1."""
    ciphertext = hands.evaluate()
    confirm(hands, ciphertext)
    said = SOUTH.attest(evaluation(hands, ciphertext))
    hands.carry_out()
    later = hands.evaluate()
    hands.pay(later)
    store(
        hands.installation,
        NORTH.attest(evaluation(hands, later)),
        replace(said, evaluation=evaluation(hands, later)),
    )
    with pytest.raises(EvaluationUnconfirmed):
        ask(hands, later)
    assert spends(hands) == 1


def test_two_ciphertexts_for_one_step_are_a_conflict_and_both_are_in_the_log(hands: Hands) -> None:
    honest = hands.evaluate()
    deviating = another_valid(honest)
    hands.pay(deviating)
    store(hands.installation, NORTH.attest(evaluation(hands, deviating)), SOUTH.attest(evaluation(hands, honest)))
    with pytest.raises(EvaluationConflict):
        ask(hands, deviating)
    details = last_entry(hands).details
    assert (details["code"], details["asked"]) == ("evaluation_conflict", digest_of([deviating]))
    assert details["others"] == [{"domain": "south", "ciphertext": digest_of([honest])}]
    assert spends(hands) == 0


def test_a_third_witness_that_differs_is_not_outvoted(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    confirm(hands, ciphertext)
    store(hands.installation, NORTH_TOO.attest(evaluation(hands, another_valid(ciphertext))))
    with pytest.raises(EvaluationConflict):
        ask(hands, ciphertext)
    assert spends(hands) == 0


def test_what_was_answered_is_answered_again_without_witnesses(hands: Hands) -> None:
    """The attestations were checked when it was paid for; losing the service's rows must not lose the job."""
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    confirm(hands, ciphertext)
    first = ask(hands, ciphertext)
    hands.installation.custodian = replace(hands.installation.custodian, evaluators=NOBODY)
    assert ask(hands, ciphertext).answer == first.answer


@pytest.mark.parametrize("known", [NOBODY, Evaluators(LISTED.listed[:2])], ids=["nobody", "one domain"])
def test_no_consent_to_a_job_that_could_never_be_answered(hands: Hands, known: Evaluators) -> None:
    """The service's own list says otherwise; the custodian's is what counts."""
    custodian = hands.installation.custodian
    granted = open_grant(custodian, hands.question(hands.evaluate()).grant, hands.job.id)
    with pytest.raises(EvaluatorsMissing, match="2 trust domains"):
        grant(replace(custodian, evaluators=known), granted)


def test_the_refusal_reaches_whoever_asked_with_its_code(hands: Hands) -> None:
    ciphertext = hands.evaluate()
    hands.pay(ciphertext)
    with pytest.raises(CustodyRefused) as caught:
        hands.installation.context.custody.answer(hands.question(ciphertext))
    assert caught.value.code == "evaluation_unconfirmed"


def test_every_step_needs_its_own_witnesses(hands: Hands) -> None:
    for _ in range(STEPS):
        confirm(hands, hands.evaluate())
        hands.carry_out()
    known = hands.installation.custodian.journal.confirmations(hands.job.id)
    assert sorted(each.step for each in known if each.domain == "south") == list(range(STEPS))
