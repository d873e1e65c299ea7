"""Dual evaluation, at the custodian: a step is answered once two trust domains attest the very ciphertext in hand.

The attestations come through the service's database, which is not believed: every signature is checked against the keys
in the custodian's own settings, over the digest of the ciphertext it would decrypt. Whoever writes that database can
keep attestations back, and so have nothing answered; not make one up.
"""

from collections.abc import Sequence

from secure_ds.core.evaluators import too_few_evaluators
from secure_ds.custodian.context import CustodianContext
from secure_ds.custodian.errors import (
    CustodianRefusal,
    EvaluationConflict,
    EvaluationUnconfirmed,
    EvaluatorsMissing,
)
from secure_ds.custodian.held_keys import Holding, log_refused_use
from secure_ds.jobs.evaluation import Attestation, Evaluation, Verdict, judge, valid
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.wire.custodian import StepQuestion


def require_evaluators(context: CustodianContext, plan: EncryptedPlan) -> None:
    """Refuse to consent to a job that could never be answered. Raises `EvaluatorsMissing`."""
    if plan.dual_evaluation and not context.evaluators.suffice:
        raise EvaluatorsMissing(too_few_evaluators(context.evaluators))


def require_confirmed(
    context: CustodianContext, holdings: Sequence[Holding], plan: EncryptedPlan, question: StepQuestion, digest: str
) -> list[Attestation]:
    """Return the attestations that confirm a step's ciphertext; none where the plan does not ask for them.

    Raises:
        EvaluationConflict: a known evaluator attests something else; the refusal is in the log with all digests.
        EvaluationUnconfirmed: too few domains attest it; the refusal is in the log.
    """
    if not plan.dual_evaluation:
        return []
    evaluation = Evaluation(question.job_id, question.step, plan.digest, question.weights_digest, digest)
    with context.store.read() as work:
        said = valid(work.attestations.list(question.job_id, question.step), context.evaluators)
    verdict = judge(evaluation, said)
    if not verdict.confirmed:
        raise _refused(context, holdings, evaluation, verdict)
    return said


def _refused(
    context: CustodianContext, holdings: Sequence[Holding], evaluation: Evaluation, verdict: Verdict
) -> CustodianRefusal:
    refusal: CustodianRefusal
    if verdict.others:
        refusal = EvaluationConflict("evaluators attest different ciphertexts for this step; one of them deviated")
    else:
        refusal = EvaluationUnconfirmed(f"{len(verdict.domains)} trust domains attest this ciphertext; two must")
    details = {
        "step": evaluation.step,
        "code": refusal.code,
        "asked": evaluation.ciphertext_digest,
        "attested_by": list(verdict.domains),
        "others": [{"domain": domain, "ciphertext": digest} for domain, digest in verdict.others],
    }
    for held in holdings:
        log_refused_use(context, held, evaluation.job_id, details)
    return refusal
