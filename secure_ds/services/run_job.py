"""What the worker writes while a job runs: every change with its audit entry, under the fence of its lease.

A worker that was replaced finds out in the very transaction in which it wants to write (`LeaseLost`), so nothing here
is ever written twice. Every function is safe to repeat after a crash.
"""

from dataclasses import dataclass
from typing import Any

from audit.entry import EntryDraft, Outcome
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.data.consent import JOINED
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.lifecycle import JobState, is_final
from secure_ds.services.context import ServiceContext
from secure_ds.services.lookups import find_dataset, find_job
from secure_ds.services.parties import WORKER, record_of_job
from secure_ds.services.run_prediction import PredictionTask, claimed_prediction
from secure_ds.services.settling import settle_job
from secure_ds.store.errors import LeaseLost
from secure_ds.store.repositories.work import EVERYTHING, WorkKind
from secure_ds.store.rows import DatasetRow, JobRow, Lease, ModelRow, StepRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.custodian import CertificateRequest, NormCheck, StepQuestion
from secure_ds.wire.datasets import Envelope


class ConsentWithdrawn(Exception):
    """The owner of a data set took the consent to the collaboration back; nothing was spent for this step."""

    code = "consent_withdrawn"


@dataclass(frozen=True, slots=True)
class Task:
    """A claimed job or data set, with the rows as they were when it was claimed."""

    lease: Lease
    datasets: tuple[DatasetRow, ...]
    job: JobRow | None

    @property
    def dataset(self) -> DatasetRow:
        """The data set, or the first one of a job."""
        return self.datasets[0]


def claim(context: ServiceContext, worker_id: str, lease_seconds: float) -> Task | PredictionTask | None:
    """Take the oldest piece of work, if there is any; a queued job becomes running."""
    with context.store.write() as work:
        domain = context.evaluator.domain if context.evaluator else None
        lease = work.work.claim(worker_id, lease_seconds, domain, kinds_of_work(context))
        if lease is None:
            return None
        if lease.kind == "predict":
            return claimed_prediction(work, lease)
        if lease.kind == "check_dataset":
            return Task(lease, (find_dataset(work, lease.subject_id),), None)
        job = work.jobs.lock(lease.subject_id)
        if is_final(job.state):  # cancelled before anybody took it
            work.work.finish_whole(lease)
            return None
        if job.state == JobState.QUEUED and lease.kind == "train":
            job = work.jobs.move(job.id, JobState.RUNNING)
            work.events.append(job.id, "running", {"steps": job.steps_total})
        record_of_job(work, "job:run", job, details=_claimed(lease))
        datasets = tuple(find_dataset(work, row.id) for row in work.jobs.datasets(job.id))
        return Task(lease, datasets, job)


def kinds_of_work(context: ServiceContext) -> tuple[WorkKind, ...]:
    """What this worker does."""
    return ("confirm",) if context.confirms_only else EVERYTHING


def spend_step(context: ServiceContext, task: Task, step: int, weights_digest: str, digest: str) -> None:
    """Pay for a step before it is released: the service's half of "spend first".

    Args:
        digest: of the step's ciphertexts (`release.digest_of`).

    Raises:
        LeaseLost: another worker holds the job.
        StepConflict: the step was paid for with another ciphertext.
        ConsentWithdrawn: the owner of a data set no longer consents; no data set has paid.
    """
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        known = work.steps.get(job.id, step) is not None
        if not known:
            _require_consents(work, task)
        spent, *_ = [work.ledger.spend(row.id, job.id, step, digest) for row in task.datasets]
        row = StepRow(job.id, step, task.lease.fence, weights_digest, digest, spent.units, work.now)
        work.steps.spent(row)
        if not known:
            details = {"step": step, "ciphertext": digest, "units": str(spent.units), "fence": task.lease.fence}
            record_of_job(work, "ledger:spend", job, details=details)


def ask_custodian(
    context: ServiceContext, task: Task, step: int, weights_digest: str, ciphertexts: list[str]
) -> list[int]:
    """Return the noisy sums of a step that is paid for.

    Args:
        ciphertexts: those of the step, base64.

    Raises:
        CustodyRefused: the custodian said no.
        CustodyUnavailable: it does not answer; ask again with the same ciphertexts.
    """
    job = job_of(task)
    question = StepQuestion(
        grant=Envelope.model_validate_json(job.grant),
        job_id=job.id,
        step=step,
        fence=task.lease.fence,
        weights_digest=weights_digest,
        ciphertexts=ciphertexts,
    )
    return [int(value) for value in context.custody.answer(question).answer]


def store_answer(context: ServiceContext, task: Task, step: int, answer: list[int], progress: dict[str, Any]) -> bool:
    """Write an answer down with its progress event; tells whether the job was asked to stop."""
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        known = work.steps.get(job.id, step)
        work.steps.answered(job.id, step, answer)
        if known is None or known.answer is None:
            work.events.append(job.id, "step", {"step": step + 1, "steps": job.steps_total, **progress})
            details = {"step": step, "answer": digest_bytes(",".join(map(str, answer)).encode())}
            record_of_job(work, "job:step", job, details=details)
        return find_job(work, job.id)[0].cancel_requested


def stored_answers(context: ServiceContext, task: Task) -> list[list[int]]:
    """Return the answers stored so far: the checkpoint from which a job goes on."""
    with context.store.read() as work:
        steps = work.steps.list(job_of(task).id)
    return [list(step.answer) for step in steps if step.answer is not None]


def record_model(context: ServiceContext, task: Task, weights: bytes, card: dict[str, Any]) -> tuple[ModelRow, int]:
    """Store the trained model, unreleased; return it with the index of the entry that records it."""
    job = job_of(task)
    event_id = f"model:train/{job.id}"
    with context.store.write() as work:
        work.work.check(task.lease)
        model = work.models.by_job(job.id)
        if model is None:
            model = _model_row(work, job, weights, card)
            work.models.add(model)
        details = {"weights": model.weights_digest, "plan": job.plan_digest}
        return model, record_of_job(work, "model:train", job, model_id=model.id, details=details, event_id=event_id)


def certify_model(context: ServiceContext, task: Task, model: ModelRow, entry_index: int) -> bytes:
    """Return the model's certificate. Raises `CustodyRefused` or `CustodyUnavailable`."""
    job = job_of(task)
    request = CertificateRequest(
        grant=Envelope.model_validate_json(job.grant),
        job_id=job.id,
        model_id=model.id,
        weights_digest=model.weights_digest,
        entry_index=entry_index,
    )
    return context.custody.certify(request).envelope.model_dump_json().encode()


def succeed(context: ServiceContext, task: Task, model: ModelRow, certificate: bytes) -> None:
    """Release the model with its certificate and end the job; what it reserved and never released goes back."""
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        work.models.certify(model.id, certificate)
        work.models.release(model.id)
        _end(work, task, JobState.SUCCEEDED, model_id=model.id)
        details = {"certificate": digest_bytes(certificate)}
        record_of_job(work, "model:release", job, model_id=model.id, details=details)


def deliver(context: ServiceContext, task: Task) -> None:
    """End a job whose answer is sealed to the owner of the data: there is no model, and nothing to certify."""
    with context.store.write() as work:
        work.work.check(task.lease)
        _end(work, task, JobState.SUCCEEDED)
        record_of_job(work, "job:deliver", job_of(task), details={"recipient": "the owner of the data set"})


def fail(context: ServiceContext, task: Task, reason: str, **details: Any) -> None:
    """End a job that cannot go on. What was released stays spent. `details` go into the log with the reason."""
    with context.store.write() as work:
        work.work.check(task.lease)
        _end(work, task, JobState.FAILED, failure=reason)
        record_of_job(work, "job:fail", job_of(task), outcome=Outcome.FAILED, details={"reason": reason, **details})


def stop(context: ServiceContext, task: Task) -> None:
    """End a job that was asked to stop."""
    with context.store.write() as work:
        work.work.check(task.lease)
        _end(work, task, JobState.CANCELLED)
        record_of_job(work, "job:stop", job_of(task), details={})


def ask_for_norms(context: ServiceContext, task: Task, block: int, norms: str, labels: str) -> bool:
    """Return the custodian's verdict on one block; all ciphertexts are base64."""
    message = NormCheck(dataset_id=task.dataset.id, block=block, norms=norms, labels=labels)
    return context.custody.check_norms(message).passed


def settle_dataset(context: ServiceContext, task: Task, refusal: tuple[str, str] | None) -> None:
    """End the upload check: the data set is ready, or refused with a code and a reason."""
    state = DatasetState.REFUSED if refusal else DatasetState.READY
    with context.store.write() as work:
        work.work.check(task.lease)
        work.datasets.move(task.dataset.id, state, refusal=refusal)
        work.work.finish(task.lease)
        draft = EntryDraft(
            action="dataset:check",
            actor=WORKER,
            tenant=task.dataset.tenant,
            outcome=Outcome.FAILED if refusal else Outcome.DONE,
            dataset_id=task.dataset.id,
            details={"state": str(state), **({"code": refusal[0]} if refusal else {})},
        )
        work.audit.append(draft)


def renew(context: ServiceContext, lease: Lease, lease_seconds: float) -> bool:
    """Hold on to a piece of work; False when another worker has it."""
    try:
        with context.store.write() as work:
            work.work.renew(lease, lease_seconds)
    except LeaseLost:
        return False
    return True


def job_of(task: Task) -> JobRow:
    """Return a task's job. Raises `ValueError` for the check of a data set."""
    if task.job is None:
        raise ValueError("this task is the check of a data set, not a job")
    return task.job


def _end(
    work: UnitOfWork, task: Task, state: JobState, *, failure: str | None = None, model_id: str | None = None
) -> None:
    job = job_of(task)
    settle_job(work, job)
    ended = work.jobs.move(job.id, state, failure=failure, model_id=model_id)
    work.events.append(job.id, str(state), {"steps_done": ended.steps_done, "model_id": model_id, "failure": failure})
    work.work.finish_whole(task.lease)


def _claimed(lease: Lease) -> dict[str, Any]:
    """What the log says of a claim; of work in pairs, which half and by which trust domain."""
    half = {"half": lease.kind, "domain": lease.domain} if lease.domain else {}
    return {"fence": lease.fence, "worker": lease.worker_id, **half}


def _model_row(work: UnitOfWork, job: JobRow, weights: bytes, card: dict[str, Any]) -> ModelRow:
    return ModelRow(
        id=new_id("model"),
        tenant=job.tenant,
        job_id=job.id,
        dataset_id=job.dataset_id,
        algorithm=job.algorithm,
        weights=weights,
        weights_digest=digest_bytes(weights),
        card=card,
        epsilon=job.epsilon,
        delta=job.delta,
        created_at=work.now,
    )


def _require_consents(work: UnitOfWork, task: Task) -> None:
    for row in task.datasets:
        consent = work.consents.latest(row.id) if row.collaboration_id else None
        if row.collaboration_id and (consent is None or consent.verdict != JOINED):
            raise ConsentWithdrawn(f"the owner of {row.id} no longer consents to the collaboration")
