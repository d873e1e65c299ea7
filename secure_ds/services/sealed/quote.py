"""What a job on sealed records would cost, before anything is spent."""

from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.data.sealed.signed import open_own_sealed_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.privacy.renyi import RenyiBudget, reserve
from secure_ds.services.job_data import JobData
from secure_ds.services.planning import dp_plan_for
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.jobs import QuoteView, TrainingRequest


def quote_sealed_job(data: JobData, budget: RenyiBudget, body: TrainingRequest) -> QuoteView:
    """Plan the job and hold it against what the data set has left; a job that cannot be is quoted with the reason.

    It takes a second or so, and so holds no transaction open.
    """
    descriptor = open_own_sealed_descriptor(data.datasets[0].envelope)
    try:
        plan = dp_plan_for(descriptor, body)
    except PrivacyError as refused:
        return _quote(descriptor, body, budget, None, [str(refused)])
    return _quote(descriptor, body, budget, plan, _refusals(budget, plan))


def _refusals(budget: RenyiBudget, plan: DpPlan) -> list[str]:
    try:
        reserve(budget, "quote", plan.step_cost, plan.steps)
    except PrivacyError as refused:
        return [str(refused)]
    return []


def _quote(
    descriptor: SealedDescriptor, body: TrainingRequest, budget: RenyiBudget, plan: DpPlan | None, refusals: list[str]
) -> QuoteView:
    return QuoteView(
        admissible=not refusals,
        refusals=refusals,
        plan=plan.to_json() if plan else None,
        plan_digest=plan.digest if plan else None,
        epsilon=body.epsilon,
        delta=body.delta,
        epsilon_left=budget.epsilon_left,
        epsilon_charged=plan.epsilon_after(plan.steps) if plan else None,
        steps=plan.steps if plan else body.steps,
        sigma=plan.noise_multiplier * plan.clipping.l2_norm_clip if plan else None,
        sensitivity=plan.clipping.l2_norm_clip if plan else None,
        statistical_bits=None,
        tau=None,
        dual_evaluation=False,
        decryptions_needed=None,
        decryptions_left=None,
        levels=None,
        blob_bytes=sum(part.bytes for part in descriptor.parts),
        answer_bytes=None,
        seconds_estimate=None,
    )
