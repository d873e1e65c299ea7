"""What workers attest of a job under dual evaluation, written with its audit entries, and how a step stands by it.

Nothing here decides what is released: the custodian does, by its own list of evaluators. What is read here lets honest
workers wait for each other, and end a job at the first difference.
"""

from dataclasses import dataclass

from secure_ds.jobs.evaluation import Evaluation, EvaluatorIdentity, Verdict, judge, valid
from secure_ds.jobs.lifecycle import is_final
from secure_ds.services.context import ServiceContext
from secure_ds.services.lookups import find_job
from secure_ds.services.parties import record_of_job
from secure_ds.services.run_job import Task, kinds_of_work
from secure_ds.store.errors import LeaseLost


@dataclass(frozen=True, slots=True)
class Standing:
    """How a step stands, seen from one of the two workers that evaluate it.

    Attributes:
        verdict: what was attested of it.
        answered: whether its answer is stored.
        cancel_requested: whether the job was asked to stop.
        alone: whether nobody holds the other half of the job now.
        wanted: whether another job waits for this worker's domain, while nobody comes to this one.
    """

    verdict: Verdict
    answered: bool
    cancel_requested: bool
    alone: bool
    wanted: bool


def identity_of(context: ServiceContext) -> EvaluatorIdentity:
    """Who this worker is. Only a worker with an identity is given work under dual evaluation."""
    if context.evaluator is None:
        raise ValueError("this process has no evaluator key")
    return context.evaluator


def attest(context: ServiceContext, task: Task, evaluation: Evaluation) -> None:
    """Sign and store what a step evaluates to, by this worker, and tell watchers; the same again changes nothing.

    Raises:
        LeaseLost: another worker holds this half of the job, or the job is over.
        AttestationConflict: this very evaluator attested something else before.
    """
    said = identity_of(context).attest(evaluation)
    with context.store.write() as work:
        work.work.check(task.lease)
        if work.attestations.add(said):
            details = {
                "step": evaluation.step,
                "weights": evaluation.weights_digest,
                "ciphertext": evaluation.ciphertext_digest,
                "domain": said.domain,
                "evaluator": said.evaluator,
            }
            work.events.append(evaluation.job_id, "attested", {"step": evaluation.step + 1, "domain": said.domain})
            record_of_job(work, "job:attest", find_job(work, evaluation.job_id)[0], details=details)


def standing_of(context: ServiceContext, task: Task, evaluation: Evaluation) -> Standing:
    """Look how a step stands.

    Raises:
        LeaseLost: another worker holds this half of the job, or the job is over.
    """
    with context.store.read() as work:
        if not work.work.is_held(task.lease):
            raise LeaseLost("the job is over, or another worker has this half of it")
        job, _ = find_job(work, evaluation.job_id)
        if is_final(job.state):
            raise LeaseLost("the job is over")
        step = work.steps.get(job.id, evaluation.step)
        said = valid(work.attestations.list(job.id, evaluation.step), context.evaluators)
        return Standing(
            verdict=judge(evaluation, said),
            answered=step is not None and step.answer is not None,
            cancel_requested=job.cancel_requested,
            alone=not work.work.other_half_is_held(task.lease),
            wanted=work.work.is_wanted_elsewhere(task.lease, kinds_of_work(context)),
        )


def let_go(context: ServiceContext, task: Task) -> None:
    """Give a half of a job back; whoever claims it goes on from what is stored. Raises `LeaseLost`."""
    with context.store.write() as work:
        work.work.let_go(task.lease)


def give_way(context: ServiceContext, task: Task) -> bool:
    """Give a half of a job back if another job still waits for this worker. Raises `LeaseLost`."""
    with context.store.write() as work:
        work.work.check(task.lease)
        wanted = work.work.is_wanted_elsewhere(task.lease, kinds_of_work(context))
        if wanted:
            work.work.let_go(task.lease)
        return wanted


def finish_half(context: ServiceContext, task: Task) -> None:
    """Record that nothing is left to confirm. Raises `LeaseLost`."""
    with context.store.write() as work:
        work.work.finish(task.lease)
