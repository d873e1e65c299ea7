"""Answer one step: decrypt its packed ciphertexts with the plan's noise added, at most once per (job, step).

Order of things, each durable before the next: the service's spend, the custodian's spend, the answer, the audit entry,
the reply. A crash anywhere leaves either nothing paid and nothing said, or something paid that can be asked for again
with the same ciphertexts. Errors are only ever towards paying too much.
"""

import base64
from collections.abc import Sequence
from typing import Any

from audit.entry import Outcome
from policies.actions import Action
from secure_ds.ckks.decryption import decrypt_released, decrypt_rounded
from secure_ds.ckks.errors import DecryptionFailed, MalformedCiphertext
from secure_ds.ckks.format import check_ciphertext
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.core.digest import digest_bytes
from secure_ds.custodian.confirmation import require_confirmed
from secure_ds.custodian.context import CustodianContext, as_json, ask_policy, deliver, entry, log_now
from secure_ds.custodian.errors import (
    CiphertextRejected,
    FenceStale,
    SpendMissing,
    StepConflict,
    StepOutOfOrder,
)
from secure_ds.custodian.grants import open_grant, plan_of_job, require_within_limits
from secure_ds.custodian.held_keys import held_key, key_facts, require_not_rotated, unwrapped
from secure_ds.custodian.journal import Confirmation, Registration, Spend
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.jobs.evaluation import Attestation
from secure_ds.training.encrypted.plan import EncryptedPlan, state_digest
from secure_ds.training.encrypted.release import Release, digest_of
from secure_ds.wire.custodian import GrantRequest, StepAnswer, StepQuestion

NOT_OF_FORM = "the ciphertexts are not of the form that the plan prescribes"


def answer_step(context: CustodianContext, question: StepQuestion) -> StepAnswer:
    """Return the noisy sums of a step; the same question gets the same answer for ever.

    Raises:
        GrantInvalid, KeyUnknown, PlanMismatch: the question is not about a job this custodian consented to.
        KeyRotated: the key has a successor; what was answered before is still repeated.
        StepConflict: the step was paid for with another ciphertext; logged.
        FenceStale, StepOutOfOrder, SpendMissing, LimitExceeded, PolicyRefused: it is not this step's turn.
        CiphertextRejected: the ciphertext is not of the plan's form.
        EvaluationUnconfirmed, EvaluationConflict: the plan says dual evaluation, and two trust domains do not attest
            this ciphertext; logged.
    """
    granted = open_grant(context, question.grant, question.job_id)
    registration, descriptor = held_key(context, granted.request.dataset_id)
    plan = plan_of_job(context, descriptor, granted)
    ciphertexts = [base64.b64decode(part) for part in question.ciphertexts]
    digest = digest_of(ciphertexts)
    if stored := _stored_answer(context, registration, question, digest):
        deliver(context)
        return StepAnswer(step=question.step, answer=[str(value) for value in stored], replayed=True)
    require_not_rotated(context, registration.dataset_id)
    _check_turn(context, plan, question, digest)
    _check_form(plan, descriptor, question.step, ciphertexts)
    witnesses = require_confirmed(context, registration, plan, question, digest)
    decision = _ask(context, registration, descriptor, granted)
    _spend(context, registration, descriptor, plan, question, digest, witnesses)
    answer = _decrypt(context, registration, descriptor, plan.releases(question.step), ciphertexts)
    _remember(context, registration, question, digest, answer, decision)
    deliver(context)
    return StepAnswer(step=question.step, answer=[str(value) for value in answer], replayed=False)


def _stored_answer(
    context: CustodianContext, registration: Registration, question: StepQuestion, digest: str
) -> list[int] | None:
    spend = context.journal.spend(question.job_id, question.step)
    if spend is None:
        return None
    if spend.ciphertext_digest != digest:
        details = {"step": question.step, "code": StepConflict.code, "asked": digest, "paid": spend.ciphertext_digest}
        refused = entry(
            Action.KEY_USE,
            registration.tenant,
            outcome=Outcome.DENIED,
            dataset_id=registration.dataset_id,
            job_id=question.job_id,
            details=details,
        )
        log_now(context, refused)
        raise StepConflict("this step was paid for with another ciphertext; it has one answer")
    return context.journal.answer(question.job_id, question.step)


def _check_form(plan: EncryptedPlan, descriptor: DatasetDescriptor, step: int, ciphertexts: list[bytes]) -> None:
    releases = plan.releases(step)
    if len(ciphertexts) != len(releases):
        raise CiphertextRejected(f"the plan prescribes {len(releases)} ciphertexts for this step")
    try:
        for release, ciphertext in zip(releases, ciphertexts, strict=True):
            check_ciphertext(ciphertext, descriptor.parameters, release.level, release.scale)
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


def _ask(
    context: CustodianContext, registration: Registration, descriptor: DatasetDescriptor, granted: GrantRequest
) -> dict[str, Any]:
    key = key_facts(context, registration, descriptor)
    tenant, purpose = granted.submitter.tenant, granted.request.purpose
    return ask_policy(context, Action.KEY_USE, key, tenant=tenant, purpose=purpose)


def _spend(
    context: CustodianContext,
    registration: Registration,
    descriptor: DatasetDescriptor,
    plan: EncryptedPlan,
    question: StepQuestion,
    digest: str,
    witnesses: Sequence[Attestation],
) -> None:
    if context.journal.spend(question.job_id, question.step) is not None:
        return  # paid before a crash; nothing was said
    units = plan.charges[question.step]
    require_within_limits(context, registration, descriptor, units, 1)
    spend = Spend(
        job_id=question.job_id,
        step=question.step,
        dataset_id=registration.dataset_id,
        fence=question.fence,
        plan_digest=plan.digest,
        weights_digest=question.weights_digest,
        ciphertext_digest=digest,
        units=units,
    )
    with context.journal.append() as page:
        page.spent(spend)
        for witness in witnesses:
            page.confirmed(Confirmation.of(witness))


def _decrypt(
    context: CustodianContext,
    registration: Registration,
    descriptor: DatasetDescriptor,
    releases: tuple[Release, ...],
    ciphertexts: list[bytes],
) -> list[int]:
    noise = [release.draw_noise(context.noise) for release in releases]
    try:
        with unwrapped(context, registration) as secret:
            return [
                value
                for release, ciphertext, drawn in zip(releases, ciphertexts, noise, strict=True)
                for value in _release(descriptor.parameters, secret, release, ciphertext, drawn)
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
    registration: Registration,
    question: StepQuestion,
    digest: str,
    answer: list[int],
    decision: dict[str, Any],
) -> None:
    event_id = f"key:use/{question.job_id}/{question.step}"
    draft = entry(
        Action.KEY_USE,
        registration.tenant,
        decision=decision,
        dataset_id=registration.dataset_id,
        job_id=question.job_id,
        details={
            "step": question.step,
            "fence": question.fence,
            "weights": question.weights_digest,
            "ciphertext": digest,
            "answer": digest_bytes(",".join(map(str, answer)).encode()),
        },
        event_id=event_id,
    )
    with context.journal.append() as page:
        page.answered(question.job_id, question.step, answer)
        page.announce(event_id, as_json(draft))
