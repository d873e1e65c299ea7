"""The second worker of a job under dual evaluation: it evaluates every step too, and attests what came out.

It works from the owner's files and the stored answers alone, never from what the first worker computed; what it attests
is worth something only because of that. It neither pays nor asks the custodian.
"""

import threading

from secure_ds.ckks.errors import CkksError
from secure_ds.data.errors import DataError
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.evaluation import Evaluation
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.context import ServiceContext
from secure_ds.services.evaluations import finish_half
from secure_ds.services.planning import plan_for
from secure_ds.services.run_job import Task, fail, stop, stored_answers
from secure_ds.store.blobs import BlobError
from secure_ds.training.encrypted.evaluation import StepEvaluator, evaluator_for
from secure_ds.training.encrypted.plan import EncryptedPlan, state_digest
from secure_ds.training.encrypted.release import digest_of
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from secure_ds.worker.witness import CancelRequested, EvaluationConflict, bear_witness, wait_for_answer


def confirm(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    """Evaluate what is left of a job a second time, step after step, until the last step is answered.

    Args:
        ending: set when this worker process is to end; waiting for the other worker is cut short then.
    """
    try:
        _run(context, task, ending)
    except CancelRequested:
        stop(context, task)
    except EvaluationConflict as conflict:
        fail(context, task, f"{conflict.code}: {conflict}", **conflict.details)
    except (CkksError, PrivacyError, DataError, BlobError) as error:
        fail(context, task, f"{error.code}: {error}")


def _run(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    if task.job is None:
        raise ValueError("this task is not a job")
    descriptors = [open_own_descriptor(row.envelope) for row in task.datasets]
    plan = plan_for(descriptors, TrainingRequest.model_validate(dict(task.job.request)))
    answers = stored_answers(context, task)
    if len(answers) < plan.steps:
        parts = [stored_blocks(context, descriptor) for descriptor in descriptors]
        evaluator = evaluator_for(plan, parts, context.resources)
        while len(answers) < plan.steps:
            evaluation = evaluate(evaluator, plan, task.job.id, answers)
            bear_witness(context, task, evaluation)
            wait_for_answer(context, task, evaluation, ending)
            answers = stored_answers(context, task)
    finish_half(context, task)


def evaluate(evaluator: StepEvaluator, plan: EncryptedPlan, job_id: str, answers: list[list[int]]) -> Evaluation:
    """Carry out the circuit of the step after these answers."""
    state = plan.state_after(answers)
    ciphertexts = evaluator.step(state)
    return Evaluation(job_id, len(answers), plan.digest, state_digest(state), digest_of(ciphertexts))
