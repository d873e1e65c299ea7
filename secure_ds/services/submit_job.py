"""Admit a job: decisions, reservations, key grant, job row and audit entries in one transaction, or none of them.

A job of a collaboration is admitted only if it may be on every one of its data sets: the policies are asked about each,
and each budget is reserved, in the order of their ids.

The custodian's consent is asked for before the transaction opens. It is a signed statement that the custodian does not
store; if the transaction rolls back, the consent is gone with it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from policies.actions import Action
from policies.request import Context, epsilon_in_micro
from policies.verdict import Decision
from policies.vocabulary import Door
from secure_ds.ckks.errors import PlanRefused
from secure_ds.core.digest import digest_bytes
from secure_ds.core.evaluators import too_few_evaluators
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Caller
from secure_ds.data.sealed.signed import open_own_sealed_descriptor
from secure_ds.jobs.lifecycle import JobState
from secure_ds.privacy.errors import BudgetExceeded, PrivacyError, ReleasesExceeded, RenyiBudgetExceeded
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.errors import BudgetRefused, EvaluatorsMissing, GrantRefused, PlanChanged, PlanInvalid
from secure_ds.services.gate import decide, record, verb
from secure_ds.services.idempotency import Idempotency
from secure_ds.services.job_data import NOT_COVERED, JobData, data_of, decide_for_all
from secure_ds.services.parties import record_for_all, subject_of
from secure_ds.services.planning import dp_plan_for, plan_for
from secure_ds.services.sealed.budget import epsilon_asked
from secure_ds.services.views import job_view
from secure_ds.store.rows import DatasetRow, JobRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.training.dp.plan import DpPlan
from secure_ds.training.encrypted.plan import EncryptedPlan
from secure_ds.training.encrypted.request import PRIVATE
from secure_ds.wire.custodian import GrantRequest, Submitter
from secure_ds.wire.jobs import SEALED, JobSubmit, JobView, TrainingRequest

AnyPlan: TypeAlias = EncryptedPlan | DpPlan


@verb(Action.JOB_SUBMIT)
def submit_job(context: ServiceContext, caller: Caller, body: JobSubmit, idempotency_key: str | None) -> JobView:
    """Admit and queue a job.

    Raises:
        PlanInvalid: no plan exists for the request.
        PlanChanged: the plan is not the one that was quoted.
        EvaluatorsMissing: dual evaluation is asked for or required, and too few trust domains are there.
        GrantRefused: the custodian does not consent.
        ConsentMissing: the owner of a data set does not, or no longer, consent to the collaboration.
        BudgetRefused: a data set's budget or decryptions do not cover it; the facts say what would fit, of data sets
            of the caller's own tenant.
    """
    once = Idempotency(caller, idempotency_key, body)
    with context.store.write() as work:
        data = data_of(context, work, caller, body)
        decisions = decide_for_all(context, caller, Action.JOB_SUBMIT, data, body)
        if answered := once.answered(work, JobView):
            return _repeated(work, caller, answered, data, decisions)
    plan = _plan(data, body)
    _require_evaluators(context, plan)
    job_id = new_id("job")
    grant = _grant(context, caller, job_id, data, body, plan)
    job = _row(context, caller, job_id, data, body, plan, grant)
    with context.store.write() as work:
        if answered := once.answered(work, JobView):
            return _repeated(work, caller, answered, data, decisions)
        data = data_of(context, work, caller, body, data.ids)
        _admit(context, work, caller, job, data, plan)
        return once.remember(work, job_view(job, data.datasets), status=202)


def _repeated(
    work: UnitOfWork, caller: Caller, answered: JobView, data: JobData, decisions: Mapping[str, Decision]
) -> JobView:
    """Give the first answer again; asking for it is an operation too."""
    subject = subject_of(caller, answered.id, data.datasets)
    decision = decisions[subject.dataset_id or data.ids[0]]
    record(work, caller, Action.JOB_SUBMIT, subject, decision, details={"repeated": True})
    return answered


def _plan(data: JobData, body: JobSubmit) -> AnyPlan:
    request = TrainingRequest(**body.model_dump(exclude={"plan_digest"}))
    try:
        plan = _planned(data, request)
    except (PlanRefused, PrivacyError) as refused:
        raise PlanInvalid(str(refused), remedy="ask for a quote; it names what would fit") from refused
    if body.plan_digest not in (None, plan.digest):
        raise PlanChanged("the plan is no longer the one that was quoted", remedy="ask for a new quote")
    return plan


def _planned(data: JobData, request: TrainingRequest) -> AnyPlan:
    if request.algorithm == SEALED:
        return dp_plan_for(open_own_sealed_descriptor(data.datasets[0].envelope), request)
    return plan_for(data.descriptors(), request)


def _require_evaluators(context: ServiceContext, plan: AnyPlan) -> None:
    """Say at once what would else be a job that waits for ever."""
    if isinstance(plan, EncryptedPlan) and plan.dual_evaluation and not context.evaluators.suffice:
        remedy = "ask the operator for a worker of another domain, or submit without dual evaluation"
        raise EvaluatorsMissing(
            too_few_evaluators(context.evaluators), remedy=remedy, facts={"domains": list(context.evaluators.domains)}
        )


def _grant(
    context: ServiceContext, caller: Caller, job_id: str, data: JobData, body: JobSubmit, plan: AnyPlan
) -> bytes:
    principal = caller.principal
    message = GrantRequest(
        job_id=job_id,
        request=TrainingRequest(**body.model_dump(exclude={"plan_digest"})),
        dataset_ids=data.ids,
        plan_digest=plan.digest,
        submitter=Submitter(
            id=principal.id,
            tenant=principal.tenant,
            roles=sorted(principal.roles),
            purposes=sorted(principal.purposes),
            clearance=principal.clearance,
        ),
        request_id=caller.request_id,
    )
    try:
        ask = context.custody.grant_sealed if isinstance(plan, DpPlan) else context.custody.grant
        return ask(message).envelope.model_dump_json().encode()
    except CustodyRefused as refused:
        raise GrantRefused(refused.detail, remedy=refused.remedy, facts={"reason": refused.code}) from refused


def _row(
    context: ServiceContext,
    caller: Caller,
    job_id: str,
    data: JobData,
    body: JobSubmit,
    plan: AnyPlan,
    grant: bytes,
) -> JobRow:
    return JobRow(
        id=job_id,
        tenant=caller.principal.tenant,
        dataset_id=data.ids[0],
        collaboration_id=data.collaboration_id,
        submitter=caller.principal.id,
        purpose=body.purpose,
        algorithm=body.algorithm,
        state=JobState.QUEUED,
        epsilon=body.epsilon,
        delta=body.delta,
        steps_total=plan.steps,
        plan=plan.to_json(),
        plan_digest=plan.digest,
        request=body.model_dump(mode="json", exclude={"plan_digest"}),
        grant=grant,
        submitted_at=context.clock.now(),
    )


def _admit(
    context: ServiceContext, work: UnitOfWork, caller: Caller, job: JobRow, data: JobData, plan: AnyPlan
) -> None:
    """Reserve, ask, write. The ledger comes first, so that whoever asks too much hears what would fit; a policy that
    says no rolls every reservation back."""
    decisions = {row.id: _admit_on(context, work, caller, job, data, row, plan) for row in data.datasets}
    work.jobs.add(job, data.ids)
    if isinstance(plan, EncryptedPlan) and plan.dual_evaluation:
        work.work.enqueue_pair(job.id)
    else:
        work.work.enqueue("train", job.id)
    work.events.append(job.id, "queued", {"steps": job.steps_total})
    cost = plan.to_json()["step_cost"] if isinstance(plan, DpPlan) else str(sum(plan.charges))
    details = {"plan": job.plan_digest, "grant": digest_bytes(job.grant), "units": cost}
    record_for_all(work, caller, Action.JOB_ADMIT, job.id, data.datasets, decisions, details=details)


def _admit_on(
    context: ServiceContext,
    work: UnitOfWork,
    caller: Caller,
    job: JobRow,
    data: JobData,
    dataset: DatasetRow,
    plan: AnyPlan,
) -> Decision:
    asked, left = _reserve(work, caller, job, dataset, plan)
    circumstances = Context(
        door=Door.USE_CASE,
        purpose=job.purpose,
        collaboration=data.collaboration_id,
        release=PRIVATE if isinstance(plan, DpPlan) else plan.request.release,
        epsilon_asked=max(1, epsilon_in_micro(asked)),  # no job is free
        epsilon_left=max(1, epsilon_in_micro(left)),
    )
    return decide(context, caller, Action.JOB_ADMIT, data.facts(dataset), circumstances)


def _reserve(work: UnitOfWork, caller: Caller, job: JobRow, dataset: DatasetRow, plan: AnyPlan) -> tuple[float, float]:
    """Set the job's cost aside; return the epsilon it asks for and what was left before, read under the same lock."""
    try:
        if isinstance(plan, DpPlan):
            return _reserve_renyi(work, job, dataset, plan)
        return _reserve_gaussian(work, job, dataset, plan)
    except (BudgetExceeded, ReleasesExceeded, RenyiBudgetExceeded) as error:
        raise _refused_budget(error, caller, dataset) from error


def _reserve_renyi(work: UnitOfWork, job: JobRow, dataset: DatasetRow, plan: DpPlan) -> tuple[float, float]:
    before = work.renyi_ledger.budget(dataset.id, lock=True)
    work.renyi_ledger.reserve(dataset.id, job.id, plan.step_cost, plan.steps)
    return epsilon_asked(before, plan), before.epsilon_left


def _reserve_gaussian(work: UnitOfWork, job: JobRow, dataset: DatasetRow, plan: EncryptedPlan) -> tuple[float, float]:
    work.ledger.reserve(dataset.id, job.id, plan.charges)
    after = work.ledger.budget(dataset.id)
    before = replace(
        after,
        reserved_units=after.reserved_units - sum(plan.charges),
        reserved_releases=after.reserved_releases - plan.steps,
    )
    return before.limit.epsilon_of(sum(plan.charges)), before.largest_epsilon


def _refused_budget(
    error: BudgetExceeded | ReleasesExceeded | RenyiBudgetExceeded, caller: Caller, dataset: DatasetRow
) -> BudgetRefused:
    """What is left of a budget is said to its own tenant alone."""
    if dataset.tenant != caller.principal.tenant:
        return BudgetRefused(NOT_COVERED.format(dataset=dataset.id), remedy="ask for a smaller epsilon or fewer steps")
    if isinstance(error, BudgetExceeded):
        facts = {"epsilon_left": error.largest_epsilon}
        return BudgetRefused(str(error), remedy="ask for a smaller epsilon", facts=facts)
    if isinstance(error, RenyiBudgetExceeded):
        left = {"epsilon_left": error.epsilon_left, "fitting_steps": error.fitting_steps}
        return BudgetRefused(str(error), remedy="ask for a smaller epsilon or fewer steps", facts=left)
    left = {"decryptions_left": error.available}
    return BudgetRefused(str(error), remedy="ask for fewer steps; the owner of a key can rotate it", facts=left)
