"""Run one sealed job: start its trainer, hand it what it needs, write down what it says.

Rules:
1. This process never holds a data key, nor a record: keys pass through it sealed to the trainer's session key, parts
   are named by path and opened by the trainer.
2. The trainer asks before anything that depends on weights leaves it (`spend`), and goes on once that is paid.
3. A trainer that dies takes nothing along but the steps since its last checkpoint; the next one draws fresh noise for
   them. What was spent stays spent.
"""

import threading
from typing import Any

from secure_ds.data.errors import DataError
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.data.sealed.signed import open_own_sealed_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.planning import dp_plan_for
from secure_ds.services.run_job import Task, fail, job_of, record_model, stop, succeed
from secure_ds.services.sealed.running import (
    ask_for_keys,
    certify_sealed_model,
    hand_back,
    keep_checkpoint,
    last_checkpoint,
    show_metrics,
    show_progress,
    spend_through,
)
from secure_ds.store.blobs import BlobError
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.trainer_process import Trainer, TrainerFailed, start_trainer

CHECKPOINTS_PER_JOB = 20


def train_sealed(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    """Run a sealed job to its end: succeeded, cancelled, or failed with a reason that holds no data.

    Args:
        ending: set when this worker process is to end; the trainer ends with it, at its last checkpoint.
    """
    try:
        _run(context, task, ending)
    except CustodyRefused as refused:
        fail(context, task, f"the custodian refused: {refused.code}: {refused.detail}")
    except (DataError, PrivacyError, BlobError, TrainerFailed) as error:
        fail(context, task, f"{error.code}: {error}")


def _run(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    job = job_of(task)
    if job.cancel_requested:
        return stop(context, task)
    descriptor = open_own_sealed_descriptor(task.dataset.envelope)
    plan = dp_plan_for(descriptor, TrainingRequest.model_validate(dict(job.request)))
    with start_trainer() as trainer:
        _hand_over(context, task, trainer, descriptor, plan)
        _follow(context, task, trainer, plan, ending)
    return None


def _hand_over(
    context: ServiceContext, task: Task, trainer: Trainer, descriptor: SealedDescriptor, plan: DpPlan
) -> None:
    """Give the trainer plan, descriptor, paths of the parts, sealed keys and the last checkpoint."""
    hello = trainer.hello
    released = ask_for_keys(context, task, hello.session_key, hello.signing_key)
    checkpoint = last_checkpoint(context, task)
    trainer.start_job(
        job_id=job_of(task).id,
        fence=task.lease.fence,
        plan=plan.to_json(),
        descriptor=descriptor.canonical,
        parts=[str(context.blobs.file(descriptor.dataset_id, part.digest)) for part in descriptor.parts],
        sealed_key=released.key_of(descriptor.dataset_id),
        checkpoint=None if checkpoint is None else checkpoint[1],
        checkpoint_every=max(1, plan.steps // CHECKPOINTS_PER_JOB),
    )


def _follow(context: ServiceContext, task: Task, trainer: Trainer, plan: DpPlan, ending: threading.Event) -> None:
    stopping = False
    for message, blobs in trainer.messages():
        if ending.is_set():
            return  # the lease runs out, and another worker goes on from the last checkpoint
        match message["kind"]:
            case "progress":
                stopping = show_progress(context, task, _progress(message, plan)) and not stopping
                if stopping:
                    trainer.stop()
            case "spend":
                spend_through(context, task, int(message["steps"]))
                trainer.spent(int(message["steps"]))
            case "checkpoint":
                keep_checkpoint(context, task, int(message["step"]), blobs[0])
            case "metrics":
                show_metrics(context, task, {"step": int(message["step"]), **message["metrics"]})
            case "settled":
                hand_back(context, message["statement"], message["signature"])
            case "stopped":
                return stop(context, task)
            case "model":
                return _finish(context, task, plan, blobs[0], (message["statement"], message["signature"]))


def _progress(message: dict[str, Any], plan: DpPlan) -> dict[str, Any]:
    """What a step's event says: nothing of it depends on records."""
    step = int(message["step"])
    return {
        "step": step,
        "steps": plan.steps,
        "epsilon_spent": plan.epsilon_after(step),
        "delta": plan.request.delta,
        "records_per_second": message["records_per_second"],
        "device": message["device"],
    }


def _finish(context: ServiceContext, task: Task, plan: DpPlan, weights: bytes, signed: tuple[str, str]) -> None:
    card = {
        "algorithm": plan.request.algorithm,
        "epsilon": plan.request.epsilon,
        "delta": plan.request.delta,
        "purpose": plan.request.purpose,
        "steps": plan.steps,
        "n_units": plan.facts.n_units,
        "model": plan.model,
        "limits": "weights are noisy; accuracy was not measured on private data",
    }
    model, entry_index = record_model(context, task, weights, card)
    certificate = certify_sealed_model(context, task, model, entry_index, signed)
    succeed(context, task, model, certificate)
