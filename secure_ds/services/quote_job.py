"""What a job would cost, before anything is spent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from policies.actions import Action
from secure_ds.ckks.errors import PlanRefused
from secure_ds.core.evaluators import too_few_evaluators
from secure_ds.core.principal import Caller
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.privacy.ledger import Budget, reserve
from secure_ds.services.context import ServiceContext
from secure_ds.services.gate import verb
from secure_ds.services.job_data import NOT_COVERED, JobData, data_of, decide_for_all
from secure_ds.services.parties import record_for_all
from secure_ds.services.planning import plan_for, stored_bytes
from secure_ds.services.sealed.quote import quote_sealed_job
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.wire.jobs import SEALED, QuoteView, TrainingRequest


@dataclass(frozen=True, slots=True)
class Left:
    """What data sets of the caller's own tenant have left, the least of them; None where none is in the job."""

    epsilon: float | None
    decryptions: int | None

    @classmethod
    def of(cls, budgets: Sequence[Budget]) -> Self:
        """Take the least of several budgets."""
        if not budgets:
            return cls(None, None)
        return cls(
            min(budget.largest_epsilon for budget in budgets), min(budget.available_releases for budget in budgets)
        )


@verb(Action.QUOTE_CREATE)
def quote_job(context: ServiceContext, caller: Caller, body: TrainingRequest) -> QuoteView:
    """Plan the job and hold it against what each data set has left; a job that cannot be is quoted with the reasons.

    What is left is shown of the caller's own tenant's data sets, the least of them; of a partner's it is only said
    whether it suffices.
    """
    with context.store.write() as work:
        data = data_of(context, work, caller, body)
        decisions = decide_for_all(context, caller, Action.QUOTE_CREATE, data, body)
        details = {"epsilon": body.epsilon}
        record_for_all(work, caller, Action.QUOTE_CREATE, None, data.datasets, decisions, details=details)
        if body.algorithm == SEALED:
            renyi = work.renyi_ledger.budget(data.ids[0])
        else:
            budgets = {row.id: work.ledger.budget(row.id) for row in data.datasets}
    if body.algorithm == SEALED:
        return quote_sealed_job(data, renyi, body)
    left = Left.of([budgets[row.id] for row in data.datasets if row.tenant == caller.principal.tenant])
    descriptors = data.descriptors()
    try:
        plan = plan_for(descriptors, body)
    except (PlanRefused, PrivacyError) as refused:
        return _impossible(descriptors, left, body, str(refused))
    refusals = _refusals(caller, data, budgets, plan)
    if plan.dual_evaluation and not context.evaluators.suffice:
        refusals.append(too_few_evaluators(context.evaluators))
    return _quote(descriptors, left, body, plan, refusals)


def _quote(
    descriptors: Sequence[DatasetDescriptor],
    left: Left,
    body: TrainingRequest,
    plan: EncryptedPlan,
    refusals: list[str],
) -> QuoteView:
    return QuoteView(
        admissible=not refusals,
        refusals=refusals,
        plan=plan.to_json(),
        plan_digest=plan.digest,
        epsilon=body.epsilon,
        delta=body.delta,
        epsilon_left=left.epsilon,
        epsilon_charged=plan.epsilon_after(plan.steps),
        steps=plan.steps,
        sigma=plan.sigma,
        sensitivity=plan.sensitivity,
        statistical_bits=plan.statistical_bits,
        dual_evaluation=plan.dual_evaluation,
        tau=plan.facts.tau,
        decryptions_needed=plan.steps,
        decryptions_left=left.decryptions,
        levels=plan.levels,
        blob_bytes=sum(map(stored_bytes, descriptors)),
        answer_bytes=plan.answer_bytes,
        seconds_estimate=round(plan.seconds_estimate, 2),
    )


def _refusals(caller: Caller, data: JobData, budgets: Mapping[str, Budget], plan: EncryptedPlan) -> list[str]:
    found = []
    for row in data.datasets:
        try:
            reserve(budgets[row.id], "quote", plan.charges)
        except PrivacyError as refused:
            own = row.tenant == caller.principal.tenant
            found.append(str(refused) if own else NOT_COVERED.format(dataset=row.id))
    return found


def _impossible(descriptors: Sequence[DatasetDescriptor], left: Left, body: TrainingRequest, reason: str) -> QuoteView:
    return QuoteView(
        admissible=False,
        refusals=[reason],
        plan=None,
        plan_digest=None,
        epsilon=body.epsilon,
        delta=body.delta,
        epsilon_left=left.epsilon,
        epsilon_charged=None,
        steps=body.steps,
        sigma=None,
        sensitivity=None,
        statistical_bits=None,
        dual_evaluation=body.dual_evaluation or any(one.limits.dual_evaluation_required for one in descriptors),
        tau=max(one.prior_decryptions + one.limits.max_decryptions for one in descriptors),
        decryptions_needed=body.steps,
        decryptions_left=left.decryptions,
        levels=None,
        blob_bytes=sum(map(stored_bytes, descriptors)),
        answer_bytes=None,
        seconds_estimate=None,
    )
