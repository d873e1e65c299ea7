"""Answer one step: decrypt its packed ciphertexts with the plan's noise added, at most once per (job, step).

Order of things, each durable before the next: the service's spend, the custodian's spend, the answer, the audit entry,
the reply. A crash anywhere leaves either nothing paid and nothing said, or something paid that can be asked for again
with the same ciphertexts. Errors are only ever towards paying too much.
"""

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from policies.actions import Action
from secure_ds.ckks.decryption import decrypt_released, decrypt_rounded
from secure_ds.ckks.errors import DecryptionFailed, MalformedCiphertext
from secure_ds.ckks.format import check_ciphertext
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.confirmation import require_confirmed
from secure_ds.custodian.context import CustodianContext, as_json, deliver, entry
from secure_ds.custodian.errors import (
    CiphertextRejected,
    FenceStale,
    SpendMissing,
    StepConflict,
    StepOutOfOrder,
)
from secure_ds.custodian.grants import (
    holdings_of_job,
    open_grant,
    plan_of_job,
    require_allowed,
    require_within_limits,
)
from secure_ds.custodian.held_keys import Holding, log_refused_use, require_not_rotated, unwrapped
from secure_ds.custodian.journal import Confirmation, Spend
from secure_ds.jobs.evaluation import Attestation
from secure_ds.training.encrypted.least_squares.sealed import sealed_answer
from secure_ds.training.encrypted.plan import EncryptedPlan, state_digest
from secure_ds.training.encrypted.release import Release, digest_of
from secure_ds.wire.custodian import StepAnswer, StepQuestion

NOT_OF_FORM = "the ciphertexts are not of the form that the plan prescribes"


def answer_step(context: CustodianContext, question: StepQuestion) -> StepAnswer:
    """Return the noisy sums of a step; the same question gets the same answer for ever.

    Where the plan has a recipient, the sums are exact and sealed to that key: only the owner of the data can open them.

    Raises:
        GrantInvalid, KeyUnknown, PlanMismatch: the question is not about a job this custodian consented to.
        KeyRotated: the key has a successor; what was answered before is still repeated.
        StepConflict: the step was paid for with another ciphertext; logged.
        FenceStale, StepOutOfOrder, SpendMissing: it is not this step's turn.
        ConsentMissing, LimitExceeded, PolicyRefused: the owner of a data set does not, or no longer, allow it.
        CiphertextRejected: the ciphertext is not of the plan's form.
        EvaluationUnconfirmed, EvaluationConflict: the plan says dual evaluation, and two trust domains do not attest
            this ciphertext; logged.
    """
    granted = open_grant(context, question.grant, question.job_id)
    holdings = holdings_of_job(context, granted)
    plan = plan_of_job(context, holdings, granted)
    ciphertexts = [base64.b64decode(part) for part in question.ciphertexts]
    digest = digest_of(ciphertexts)
    if stored := _stored_answer(context, holdings, question, digest):
        deliver(context)
        return StepAnswer(step=question.step, answer=[str(value) for value in stored], replayed=True)
    require_not_rotated(context, holdings)
    _check_turn(context, plan, question, digest)
    _check_form(plan, question.step, ciphertexts)
    witnesses = require_confirmed(context, holdings, plan, question, digest)
    decisions = require_allowed(context, holdings, granted)
    _spend(context, holdings, plan, question, digest, witnesses)
    answer = _decrypt(context, holdings[0], plan.releases(question.step), ciphertexts)
    if plan.recipient is not None:
        answer = sealed_answer(plan, question.job_id, answer)
    _remember(context, zip(holdings, decisions, strict=True), question, digest, answer)
    deliver(context)
    return StepAnswer(step=question.step, answer=[str(value) for value in answer], replayed=False)


def _stored_answer(
    context: CustodianContext, holdings: Sequence[Holding], question: StepQuestion, digest: str
) -> list[int] | None:
    spend = context.journal.spend(question.job_id, question.step)
    if spend is None:
        return None
    if spend.ciphertext_digest != digest:
        details = {"step": question.step, "code": StepConflict.code, "asked": digest, "paid": spend.ciphertext_digest}
        for held in holdings:
            log_refused_use(context, held, question.job_id, details)
        raise StepConflict("this step was paid for with another ciphertext; it has one answer")
    return context.journal.answer(question.job_id, question.step)


def _check_form(plan: EncryptedPlan, step: int, ciphertexts: list[bytes]) -> None:
    releases = plan.releases(step)
    if len(ciphertexts) != len(releases):
        raise CiphertextRejected(f"the plan prescribes {len(releases)} ciphertexts for this step")
    try:
        for release, ciphertext in zip(releases, ciphertexts, strict=True):
            check_ciphertext(ciphertext, plan.facts.parameters, release.level, release.scale)
    except MalformedCiphertext:
        raise CiphertextRejected(NOT_OF_FORM) from None


def _check_turn(context: CustodianContext, plan: EncryptedPlan, question: StepQuestion, digest: str) -> None:
    if question.fence < context.journal.highest_fence(question.job_id):
        raise FenceStale("another worker has taken this job over")
    answers = context.journal.answers(question.job_id)
    if question.step != len(answers) or question.step >= plan.steps:
        raise StepOutOfOrder(f"the next step of this job is {len(answers)}")
    if question.weights_digest != state_digest(plan.state_after(answers)):
        raise StepOutOfOrder("the weights do not follow from the answers given so far")
    with context.store.read() as work:
        recorded = work.steps.get(question.job_id, question.step)
    if recorded is None or recorded.ciphertext_digest != digest:
        raise SpendMissing("the ledger does not show this step as paid for with this ciphertext")


def _spend(
    context: CustodianContext,
    holdings: Sequence[Holding],
    plan: EncryptedPlan,
    question: StepQuestion,
    digest: str,
    witnesses: Sequence[Attestation],
) -> None:
    """Every data set pays, or none: one transaction."""
    if context.journal.spend(question.job_id, question.step) is not None:
        return  # paid before a crash; nothing was said
    units = plan.charges[question.step]
    require_within_limits(context, holdings, units, 1, question.job_id)
    with context.journal.append() as page:
        for held in holdings:
            spend = Spend(
                job_id=question.job_id,
                step=question.step,
                dataset_id=held.registration.dataset_id,
                key_id=held.registration.key_id,
                fence=question.fence,
                plan_digest=plan.digest,
                weights_digest=question.weights_digest,
                ciphertext_digest=digest,
                units=units,
            )
            page.spent(spend)
        for witness in witnesses:
            page.confirmed(Confirmation.of(witness))


def _decrypt(
    context: CustodianContext, held: Holding, releases: tuple[Release, ...], ciphertexts: list[bytes]
) -> list[int]:
    """Decrypt with the key of a data set, which is that of all data sets of the job."""
    noise = [release.draw_noise(context.noise) for release in releases]
    try:
        with unwrapped(context, held.registration) as secret:
            return [
                value
                for release, ciphertext, drawn in zip(releases, ciphertexts, noise, strict=True)
                for value in _release(held.descriptor.parameters, secret, release, ciphertext, drawn)
            ]
    except DecryptionFailed:
        raise CiphertextRejected(NOT_OF_FORM) from None


def _release(
    parameters: Parameters, secret: SecretKey, release: Release, ciphertext: bytes, noise: list[int]
) -> list[int]:
    """Round to units where the plan proves that exact; noise, modulo q; then centre; then round to the public grid."""
    place: dict[str, Any] = {
        "level": release.level,
        "scale": release.scale,
        "positions": release.positions,
        "noise": noise,
    }
    if release.rounding is None:
        noisy = decrypt_released(parameters, secret, ciphertext, **place)
    else:
        exact = release.rounding
        noisy = decrypt_rounded(parameters, secret, ciphertext, **place, unit=exact.unit, steps=exact.steps)
    return [release.to_grid(value) for value in noisy]


def _remember(
    context: CustodianContext,
    decided: Iterable[tuple[Holding, dict[str, Any]]],
    question: StepQuestion,
    digest: str,
    answer: list[int],
) -> None:
    """Write the answer down, and owe each data set's tenant an entry in its log."""
    details = {
        "step": question.step,
        "fence": question.fence,
        "weights": question.weights_digest,
        "ciphertext": digest,
        "answer": digest_bytes(",".join(map(str, answer)).encode()),
    }
    with context.journal.append() as page:
        page.answered(question.job_id, question.step, answer)
        for held, decision in decided:
            event_id = f"key:use/{question.job_id}/{question.step}/{held.registration.dataset_id}"
            draft = entry(
                Action.KEY_USE,
                held.registration.tenant,
                decision=decision,
                dataset_id=held.registration.dataset_id,
                job_id=question.job_id,
                details=details,
                event_id=event_id,
            )
            page.announce(event_id, as_json(draft))
