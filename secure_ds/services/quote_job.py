"""What a job would cost, before anything is spent."""

from policies.actions import Action
from policies.request import Context
from policies.vocabulary import Door
from secure_ds.ckks.errors import PlanRefused
from secure_ds.core.evaluators import too_few_evaluators
from secure_ds.core.principal import Caller
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.signed import open_own_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.privacy.ledger import Budget, reserve
from secure_ds.services.context import ServiceContext
from secure_ds.services.facts import dataset_facts
from secure_ds.services.gate import Subject, decide, record, verb
from secure_ds.services.lookups import find_dataset
from secure_ds.services.planning import plan_for, stored_bytes
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.wire.jobs import QuoteView, TrainingRequest


@verb(Action.QUOTE_CREATE)
def quote_job(context: ServiceContext, caller: Caller, body: TrainingRequest) -> QuoteView:
    """Plan the job and hold it against what the data set has left; a job that cannot be is quoted with the reasons."""
    with context.store.write() as work:
        row = find_dataset(work, body.dataset_id)
        circumstances = Context(door=Door.HTTP, purpose=body.purpose)
        decision = decide(context, caller, Action.QUOTE_CREATE, dataset_facts(row), circumstances)
        budget = work.ledger.budget(row.id)
        record(
            work, caller, Action.QUOTE_CREATE, Subject(dataset_id=row.id), decision, details={"epsilon": body.epsilon}
        )
    descriptor = open_own_descriptor(row.envelope)
    try:
        plan = plan_for(descriptor, body)
    except (PlanRefused, PrivacyError) as refused:
        return _impossible(descriptor, budget, body, str(refused))
    return _quote(descriptor, budget, body, plan, _refusals(context, budget, plan))


def _quote(
    descriptor: DatasetDescriptor, budget: Budget, body: TrainingRequest, plan: EncryptedPlan, refusals: list[str]
) -> QuoteView:
    return QuoteView(
        admissible=not refusals,
        refusals=refusals,
        plan=plan.to_json(),
        plan_digest=plan.digest,
        epsilon=body.epsilon,
        delta=body.delta,
        epsilon_left=budget.largest_epsilon,
        epsilon_charged=plan.epsilon_after(plan.steps),
        steps=plan.steps,
        sigma=plan.sigma,
        sensitivity=plan.sensitivity,
        statistical_bits=plan.statistical_bits,
        dual_evaluation=plan.dual_evaluation,
        tau=plan.facts.tau,
        decryptions_needed=plan.steps,
        decryptions_left=budget.available_releases,
        levels=plan.levels,
        blob_bytes=stored_bytes(descriptor),
        answer_bytes=plan.answer_bytes,
        seconds_estimate=round(plan.seconds_estimate, 2),
    )


def _refusals(context: ServiceContext, budget: Budget, plan: EncryptedPlan) -> list[str]:
    refusals = []
    try:
        reserve(budget, "quote", plan.charges)
    except PrivacyError as refused:
        refusals.append(str(refused))
    if plan.dual_evaluation and not context.evaluators.suffice:
        refusals.append(too_few_evaluators(context.evaluators))
    return refusals


def _impossible(descriptor: DatasetDescriptor, budget: Budget, body: TrainingRequest, reason: str) -> QuoteView:
    return QuoteView(
        admissible=False,
        refusals=[reason],
        plan=None,
        plan_digest=None,
        epsilon=body.epsilon,
        delta=body.delta,
        epsilon_left=budget.largest_epsilon,
        epsilon_charged=None,
        steps=body.steps,
        sigma=None,
        sensitivity=None,
        statistical_bits=None,
        dual_evaluation=body.dual_evaluation or descriptor.limits.dual_evaluation_required,
        tau=budget.limit.releases,
        decryptions_needed=body.steps,
        decryptions_left=budget.available_releases,
        levels=None,
        blob_bytes=stored_bytes(descriptor),
        answer_bytes=None,
        seconds_estimate=None,
    )
