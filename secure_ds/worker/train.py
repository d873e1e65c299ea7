"""Train one job: evaluate, pay, ask, store; again until the plan is done. Under dual evaluation a worker of another
trust domain evaluates beside it (`secure_ds.worker.confirm`), and nothing is paid before both agree.

Where a job stands is exactly the answers stored so far, so resuming is the same as starting. Evaluation is
deterministic: a worker that takes over computes the same ciphertext, asks with the same digest and gets the stored
answer.
"""

import threading
import time
from base64 import b64encode
from typing import Any

from secure_ds.ckks.errors import CkksError
from secure_ds.data.errors import DataError
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.evaluation import Evaluation
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.planning import plan_for
from secure_ds.services.run_job import (
    ConsentWithdrawn,
    Task,
    ask_custodian,
    certify_model,
    deliver,
    fail,
    record_model,
    spend_step,
    stop,
    store_answer,
    stored_answers,
    succeed,
)
from secure_ds.store.blobs import BlobError
from secure_ds.training.encrypted.evaluation import StepEvaluator, evaluator_for
from secure_ds.training.encrypted.model_file import TrainedModel, trained_model, write_model
from secure_ds.training.encrypted.plan import EncryptedPlan, state_digest
from secure_ds.training.encrypted.release import digest_of
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.blobs import stored_blocks
from secure_ds.worker.kept import kept_or_computed
from secure_ds.worker.witness import (
    CancelRequested,
    EvaluationConflict,
    EvaluationUnconfirmed,
    bear_witness,
    wait_for_confirmation,
)


def train(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    """Run a job to its end: succeeded, cancelled, or failed with a reason that holds no data.

    Args:
        ending: set when this worker process is to end; waiting for another worker is cut short then.
    """
    try:
        _run(context, task, ending)
    except CancelRequested:
        stop(context, task)
    except EvaluationConflict as conflict:
        fail(context, task, f"{conflict.code}: {conflict}", **conflict.details)
    except EvaluationUnconfirmed as unconfirmed:
        fail(context, task, f"{unconfirmed.code}: {unconfirmed}")
    except CustodyRefused as refused:
        fail(context, task, f"the custodian refused: {refused.code}: {refused.detail}")
    except (CkksError, PrivacyError, DataError, BlobError, ConsentWithdrawn) as error:
        fail(context, task, f"{error.code}: {error}")


def _run(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    if task.job is None:
        raise ValueError("this task is not a job")
    descriptors = [open_own_descriptor(row.envelope) for row in task.datasets]
    plan = plan_for(descriptors, TrainingRequest.model_validate(dict(task.job.request)))
    answers = stored_answers(context, task)
    if task.job.cancel_requested:
        return stop(context, task)
    if len(answers) < plan.steps:
        parts = [stored_blocks(context, descriptor) for descriptor in descriptors]
        evaluator = evaluator_for(plan, parts, context.resources)
        while len(answers) < plan.steps:
            answer, stopped = _step(context, task, evaluator, plan, answers, ending)
            answers.append(answer)
            if stopped and len(answers) < plan.steps:
                return stop(context, task)
    if plan.recipient is not None:
        return deliver(context, task)
    feature_map = descriptors[0].feature_map.model_dump(mode="json")
    _finish(context, task, plan, trained_model(plan, answers, descriptors[0].classes, feature_map))
    return None


def _step(
    context: ServiceContext,
    task: Task,
    evaluator: StepEvaluator,
    plan: EncryptedPlan,
    answers: list[list[int]],
    ending: threading.Event,
) -> tuple[list[int], bool]:
    """Carry out the next step; return its answer and whether the job was asked to stop."""
    step, started = len(answers), time.perf_counter()
    state = plan.state_after(answers)
    ciphertexts = kept_or_computed(context, plan, lambda: evaluator.step(state))
    if plan.dual_evaluation:
        evaluation = Evaluation(task.lease.subject_id, step, plan.digest, state_digest(state), digest_of(ciphertexts))
        bear_witness(context, task, evaluation)
        wait_for_confirmation(context, task, evaluation, ending)
    spend_step(context, task, step, state_digest(state), digest_of(ciphertexts))
    as_text = [b64encode(ciphertext).decode() for ciphertext in ciphertexts]
    answer = ask_custodian(context, task, step, state_digest(state), as_text)
    progress = _progress(plan, step, time.perf_counter() - started, evaluator, sum(map(len, ciphertexts)))
    return answer, store_answer(context, task, step, answer, progress)


def _progress(
    plan: EncryptedPlan, step: int, seconds: float, evaluator: StepEvaluator, ciphertext_bytes: int
) -> dict[str, Any]:
    """What a step's event says: public numbers only."""
    return {
        "epsilon_spent": plan.epsilon_after(step + 1),
        "delta": plan.request.delta,
        "seconds": round(seconds, 4),
        "homomorphic_seconds": round(sum(evaluator.timings.values()), 4),
        "ciphertext_bytes": ciphertext_bytes,
    }


def _finish(context: ServiceContext, task: Task, plan: EncryptedPlan, trained: TrainedModel) -> None:
    weights = write_model(trained)
    card = {
        "algorithm": plan.algorithm,
        "epsilon": plan.request.epsilon,
        "delta": plan.request.delta,
        "purpose": plan.request.purpose,
        "steps": plan.steps,
        "n_records": plan.facts.n_records,
        "n_features": plan.facts.n_features,
        "sigma": plan.sigma,
        "limits": "weights are noisy; accuracy was not measured on private data",
    }
    model, entry_index = record_model(context, task, weights, card)
    certificate = certify_model(context, task, model, entry_index)
    succeed(context, task, model, certificate)
