"""Run one sealed job: start its trainer, hand it what it needs, write down what it says.

Rules:
1. This process never holds a data key, nor a record: keys pass through it sealed to the trainer's session key, parts
   are named by path and opened by the trainer.
2. The trainer asks before anything that depends on weights leaves it (`spend`), and goes on once that is paid.
3. A trainer that dies takes nothing along but the steps since its last checkpoint; the next one draws fresh noise for
   them. What was spent stays spent.
4. A lease serves one trainer: whatever interrupts that one, the job is given back and claimed anew.
5. The trainer's signed word of what it used goes to the custodian last of all, when nothing is left to ask it for:
   after it the job is given no keys any more.
"""

import logging
import threading
from typing import Any

from secure_ds.data.errors import DataError
from secure_ds.data.sealed.descriptor import SealedDescriptor
from secure_ds.data.sealed.signed import open_own_sealed_descriptor
from secure_ds.privacy.errors import PrivacyError
from secure_ds.services.context import CustodyRefused, CustodyUnavailable, ServiceContext
from secure_ds.services.evaluations import let_go
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
    steps_spent,
)
from secure_ds.store.blobs import BlobError
from secure_ds.training.dp.plan import DpPlan
from secure_ds.wire.jobs import TrainingRequest
from secure_ds.worker.trainer_process import Trainer, TrainerFailed, TrainerLost, start_trainer

CHECKPOINTS_PER_JOB = 20
USED_LEASE = "session_conflict"  # the custodian's code: another trainer was given the keys under this lease
log = logging.getLogger("secure_ds.worker")


def train_sealed(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    """Run a sealed job to its end: succeeded, cancelled, or failed with a reason that holds no data.

    Args:
        ending: set when this worker process is to end; the trainer ends with it, and another worker goes on from the
            last checkpoint once the lease has run out.
    """
    try:
        _run(context, task, ending)
    except TrainerLost as lost:
        log.warning("%s; a trainer under a new lease goes on from the last checkpoint", lost)
        let_go(context, task)
    except CustodyRefused as refused:
        if refused.code == USED_LEASE:
            return let_go(context, task)
        fail(context, task, f"the custodian refused: {refused.code}: {refused.detail}")
    except (DataError, PrivacyError, BlobError) as error:
        fail(context, task, f"{error.code}: {error}")


def _run(context: ServiceContext, task: Task, ending: threading.Event) -> None:
    job = job_of(task)
    if job.cancel_requested:
        return stop(context, task)
    descriptor = open_own_sealed_descriptor(task.dataset.envelope)
    plan = dp_plan_for(descriptor, TrainingRequest.model_validate(dict(job.request)))
    with start_trainer() as trainer:
        _hand_over(context, task, trainer, descriptor, plan)
        _Conversation(context, task, trainer, plan).follow(ending)
    return None


def _hand_over(
    context: ServiceContext, task: Task, trainer: Trainer, descriptor: SealedDescriptor, plan: DpPlan
) -> None:
    """Give the trainer plan, descriptor, paths of the parts, sealed keys and the last checkpoint."""
    parts = [str(context.blobs.file(descriptor.dataset_id, part.digest)) for part in descriptor.parts]
    checkpoint, spent = last_checkpoint(context, task), steps_spent(context, task)
    released = ask_for_keys(context, task, trainer.hello.session_key, trainer.hello.signing_key)  # charges: last of all
    trainer.start_job(
        job_id=job_of(task).id,
        fence=task.lease.fence,
        plan=plan.to_json(),
        descriptor=descriptor.canonical,
        parts=parts,
        sealed_key=released.key_of(descriptor.dataset_id),
        checkpoint=None if checkpoint is None else checkpoint[1],
        checkpoint_every=max(1, plan.steps // CHECKPOINTS_PER_JOB),
        steps_spent=spent,
        performance=dict(context.trainer),
    )


class _Conversation:
    """What a trainer says, message after message, and what is done about it."""

    def __init__(self, context: ServiceContext, task: Task, trainer: Trainer, plan: DpPlan) -> None:
        self._context, self._task, self._trainer, self._plan = context, task, trainer, plan
        self._stopping = False
        self._settlement: tuple[str, str] | None = None

    def follow(self, ending: threading.Event) -> None:
        """Listen until the trainer is done; then end the job, and hand back what it did not use.

        Raises:
            LeaseLost: another worker has the job.
            TrainerLost: the trainer died; the job goes on from its last checkpoint.
        """
        try:
            for message, blobs in self._trainer.messages():
                if ending.is_set():
                    return
                self._heed(message, blobs)
        except TrainerLost:
            raise
        except TrainerFailed as failed:
            fail(self._context, self._task, f"{failed.code}: {failed}")
        while self._settlement is not None and not ending.is_set():
            try:
                return hand_back(self._context, *self._settlement)
            except CustodyUnavailable:
                ending.wait(1.0)  # the job has ended; nobody else has this statement

    def _heed(self, message: dict[str, Any], blobs: list[bytes]) -> None:
        context, task = self._context, self._task
        match message["kind"]:
            case "progress":
                self._stop_if(show_progress(context, task, _progress(message, self._plan)))
            case "spend":
                spend_through(context, task, int(message["steps"]))
                self._trainer.spent(int(message["steps"]))
            case "checkpoint":
                keep_checkpoint(context, task, int(message["step"]), blobs[0])
            case "metrics":
                show_metrics(context, task, {"step": int(message["step"]), **message["metrics"]})
            case "settled":
                self._settlement = message["statement"], message["signature"]
            case "stopped":
                stop(context, task)
            case "model":
                _finish(context, task, self._plan, message, blobs[0])

    def _stop_if(self, asked: bool) -> None:
        if asked and not self._stopping:
            self._stopping = True
            self._trainer.stop()


def _progress(message: dict[str, Any], plan: DpPlan) -> dict[str, Any]:
    """What a step's event says: nothing of it depends on records."""
    return {
        "step": int(message["step"]),
        "steps": plan.steps,
        "epsilon_spent": float(message["epsilon"]),
        "delta": plan.request.delta,
        "records_per_second": round(float(message["records_per_second"]), 1),
        "device": str(message["device"]),
    }


def _finish(context: ServiceContext, task: Task, plan: DpPlan, message: dict[str, Any], weights: bytes) -> None:
    card = {
        "algorithm": plan.algorithm,
        "epsilon": plan.request.epsilon,
        "delta": plan.request.delta,
        "purpose": plan.request.purpose,
        "steps": plan.steps,
        "n_units": plan.facts.n_units,
        "model": plan.model,
        "limits": "weights are noisy; accuracy was not measured on private data",
    }
    model, entry_index = record_model(context, task, weights, card)
    signed = message["statement"], message["signature"]
    certificate = certify_sealed_model(context, task, model, entry_index, signed)
    succeed(context, task, model, certificate)
