"""A worker that deviates: it masks one record, scales it far above the noise, and has the custodian decrypt that.

The noise protects the honest circuit only. The custodian cannot tell one packed ciphertext from another, so this attack
succeeds once, and is found: the step's ciphertext digest is in the log, and whoever recomputes the step from the
owner's files gets another. The threat model says the first half; `job recheck` is the second. Under dual evaluation it
does not succeed: the custodian decrypts nothing that a worker of another trust domain did not compute as well.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tenseal import sealapi

from secure_ds.ckks.context import seal_context
from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.logistic import ONE, LogisticEvaluator
from secure_ds.ckks.logistic_shard import LogisticShard
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.weights import quantise, unpack
from secure_ds.client.recheck import RecheckedStep, recheck
from secure_ds.services.context import CustodyRefused
from secure_ds.training.encrypted.release import digest_of
from secure_ds.worker.blobs import stored_blocks
from tests.installation import random_records
from tests.prepared import STEPS, Hands, Prepared
from tests.witnesses import NORTH, SOUTH, evaluation, store, with_dual_job, worker_of

VICTIM = 17
FACTOR = 2.0**8


class MaskingShard(LogisticShard):
    """Computes the gradient of one record, many times over.

    Uploaded columns carry more primes than the product phase needs. The attacker spends one of them on a product with
    a mask, and scales and levels come out as the plan prescribes, so the custodian has nothing to object to.
    """

    def __init__(self, engine: Engine, plan: CircuitPlan, victim: int, factor: float) -> None:
        super().__init__(engine, plan, range(plan.n_features), ONE)
        self._context = seal_context(plan.parameters)
        self._tools = sealapi.Evaluator(self._context)
        self._mask = np.zeros(plan.parameters.slots)
        self._mask[victim] = factor

    def _for_products(self, column: Ciphertext) -> Ciphertext:
        """Mask what the honest worker only multiplies by an integer."""
        level = self._engine.level(column)
        prime = float(self._plan.parameters.data_primes[level])
        plain, product = sealapi.Plaintext(), sealapi.Ciphertext()
        sealapi.CKKSEncoder(self._context).encode(self._mask.tolist(), prime, plain)
        self._tools.multiply_plain(column, plain, product)
        return super()._for_products(self._engine.rescale(product, self._plan.input_scale))


class MaskingEvaluator(LogisticEvaluator):
    """The honest evaluator around a dishonest share."""

    def __init__(self, engine: Engine, plan: CircuitPlan, victim: int, factor: float) -> None:
        super().__init__(engine, plan)
        self._own = MaskingShard(engine, plan, victim, factor)


def evaluator(hands: Hands, victim: int = VICTIM) -> MaskingEvaluator:
    """Load the stored data set the hostile way."""
    blocks = stored_blocks(hands.installation.context, hands.descriptor)
    found = MaskingEvaluator(blocks.engine(), hands.plan.circuit, victim, FACTOR)
    found.load_block(blocks.features(0), blocks.labels(0)[0])
    return found


@pytest.fixture
def attacked(hands: Hands) -> Hands:
    """A job whose first step the worker used for the attack; the other steps are honest."""
    masking = evaluator(hands)
    honest = hands.evaluate
    hands.evaluate = lambda: masking.step(quantise(hands.plan.state_after(hands.answers), hands.plan.circuit))  # type: ignore[method-assign]
    hands.carry_out()
    hands.evaluate = honest  # type: ignore[method-assign]
    while hands.step < STEPS:
        hands.carry_out()
    return hands


def rechecked(ready: Prepared, hands: Hands) -> list[RecheckedStep]:
    """What an owner or compliance officer finds from public facts: the owner's files, the plan, the recorded steps."""
    steps = ready.installation.services.list_steps(ready.owner, hands.job.id).items
    blocks = stored_blocks(ready.installation.context, hands.descriptor)
    return list(recheck([blocks], hands.plan, steps, range(STEPS)))


def test_the_attack_reads_a_record_through_the_noise(attacked: Hands) -> None:
    """Otherwise the test below would find something harmless.

    The victim's residual is 1/2 at the first step, so the signal is some 40 deviations of the noise, on 4 coordinates.
    """
    released = [value * attacked.plan.releases(0)[0].step for value in attacked.answers[0]]
    gradient = unpack(released, attacked.plan.circuit) / FACTOR
    records = random_records()
    features = attacked.descriptor.feature_map.apply(records)[VICTIM]
    cosine = abs(gradient @ features) / (np.linalg.norm(gradient) * np.linalg.norm(features))
    assert cosine > 0.99
    assert np.linalg.norm(gradient) > 20 * attacked.plan.sigma / FACTOR


def test_the_recheck_finds_the_step(ready: Prepared, attacked: Hands) -> None:
    found = rechecked(ready, attacked)
    assert [step.agrees for step in found] == [False, True, True]
    assert found[0].weights_agree
    assert found[0].recorded != found[0].recomputed


def test_the_recheck_of_an_honest_job_agrees(ready: Prepared, hands: Hands) -> None:
    for _ in range(STEPS):
        hands.carry_out()
    assert all(step.agrees for step in rechecked(ready, hands))


def test_the_evidence_is_in_the_log_and_not_the_workers_to_change(ready: Prepared, attacked: Hands) -> None:
    """The custodian's own entry names the ciphertext it decrypted; the service's rows only repeat it."""
    spends = ready.installation.custodian.journal.spends(attacked.job.id)
    with ready.installation.store.read() as work:
        entries = [each.read().draft for each in work.audit.walk(0, work.audit.head().size)]
    logged = [
        entry.details["ciphertext"]
        for entry in entries
        if entry.action == "key:use" and entry.job_id == attacked.job.id and entry.actor.id == "custodian"
    ]
    assert logged == [spend.ciphertext_digest for spend in spends]
    assert logged[0] == rechecked(ready, attacked)[0].recorded


@pytest.fixture
def dual(tmp_path: Path) -> Prepared:
    """The same data set; the job is under dual evaluation."""
    return with_dual_job(tmp_path)


def masked(hands: Hands) -> bytes:
    """The attacker's ciphertext for the first step."""
    return evaluator(hands).step(quantise(hands.plan.state_after([]), hands.plan.circuit))


def custodians_refusals(dual: Prepared) -> list[dict[str, Any]]:
    """What the custodian itself put in the log about questions it refused."""
    with dual.installation.store.read() as work:
        entries = [each.read().draft for each in work.audit.walk(0, work.audit.head().size)]
    return [dict(each.details) for each in entries if each.actor.id == "custodian" and each.outcome == "denied"]


def test_under_dual_evaluation_the_attacker_alone_gets_nothing(dual: Prepared) -> None:
    """Its own attestation and one that it makes up for a domain whose key it does not have are no two witnesses."""
    hands = Hands(dual.installation, NORTH)
    ciphertext = masked(hands)
    said = NORTH.attest(evaluation(hands, ciphertext))
    forged = replace(said, domain="south", evaluator=SOUTH.public_key)
    hands.pay(ciphertext)
    store(dual.installation, said, forged)
    with pytest.raises(CustodyRefused) as refused:
        dual.installation.context.custody.answer(hands.question(ciphertext))
    assert refused.value.code == "evaluation_unconfirmed"
    assert dual.installation.custodian.journal.spends(hands.job.id) == []
    assert custodians_refusals(dual)[-1]["attested_by"] == ["north"]


def test_under_dual_evaluation_the_attack_is_refused_and_the_log_says_so(dual: Prepared) -> None:
    """The attacker trains, an honest worker of another domain confirms: the job ends, the record stays unread."""
    hands = Hands(dual.installation, NORTH)
    ciphertext, honest = masked(hands), hands.evaluate()
    hands.pay(ciphertext)
    store(dual.installation, NORTH.attest(evaluation(hands, ciphertext)))
    assert worker_of(dual.installation, SOUTH).work_once()
    with pytest.raises(CustodyRefused) as refused:
        dual.installation.context.custody.answer(hands.question(ciphertext))
    assert refused.value.code == "evaluation_conflict"
    journal = dual.installation.custodian.journal
    assert (journal.spends(hands.job.id), journal.answer(hands.job.id, 0)) == ([], None)
    logged = custodians_refusals(dual)[-1]
    assert (logged["code"], logged["asked"]) == ("evaluation_conflict", digest_of([ciphertext]))
    assert logged["others"] == [{"domain": "south", "ciphertext": digest_of([honest])}]
    ended = dual.installation.services.show_job(dual.owner, hands.job.id)
    assert ended.state == "failed"
    assert ended.failure is not None and ended.failure.startswith("evaluation_conflict")
