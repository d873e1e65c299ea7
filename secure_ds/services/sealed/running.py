"""What the worker writes while a sealed job runs: every change with its audit entry, under the fence of its lease.

Rules:
1. Steps are spent before anything that depends on their weights is stored or shown (`spend_through`); what is written
   here after a spend speaks of no later step than that.
2. Progress that depends on no weights is no release and is no entry of the log.
3. Every function is safe to repeat after a crash. A worker that was replaced finds out in the transaction in which it
   wants to write (`LeaseLost`).
"""

from contextlib import suppress
from typing import Any

from secure_ds.core.digest import digest_bytes
from secure_ds.privacy.errors import IllegalSpend
from secure_ds.services.context import CustodyRefused, ServiceContext
from secure_ds.services.lookups import find_job
from secure_ds.services.parties import record_of_job
from secure_ds.services.run_job import Task, job_of
from secure_ds.store.rows import ModelRow
from secure_ds.wire.datasets import Envelope
from secure_ds.wire.sealed import SealedCertificateRequest, SealedKeyRequest, SealedKeys, SettleSealed


def ask_for_keys(context: ServiceContext, task: Task, session_key: str, signing_key: str) -> SealedKeys:
    """Return the data keys of a job, sealed to its trainer's session key: this process cannot open them.

    Raises:
        CustodyRefused: the custodian said no.
        CustodyUnavailable: it does not answer; ask again.
    """
    job = job_of(task)
    question = SealedKeyRequest(
        grant=Envelope.model_validate_json(job.grant),
        job_id=job.id,
        fence=task.lease.fence,
        session_key=session_key,
        signing_key=signing_key,
    )
    return context.custody.release_keys(question)


def spend_through(context: ServiceContext, task: Task, steps: int) -> None:
    """Pay for the first `steps` steps of a job before anything that depends on their weights is released.

    Raises:
        LeaseLost: another worker holds the job.
        IllegalSpend: the job has not so many steps, or is settled.
    """
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        known = all(work.renyi_ledger.reservation(row.id, job.id).spent_steps >= steps for row in task.datasets)
        for row in task.datasets:
            work.renyi_ledger.spend_through(row.id, job.id, steps)
        if not known:
            details = {"through_step": steps, "fence": task.lease.fence}
            record_of_job(work, "ledger:spend", job, details=details)


def steps_spent(context: ServiceContext, task: Task) -> int:
    """Return how many of a job's steps are paid for."""
    job = job_of(task)
    with context.store.read() as work:
        return max(work.renyi_ledger.reservation(row.id, job.id).spent_steps for row in task.datasets)


def show_progress(context: ServiceContext, task: Task, data: dict[str, Any]) -> bool:
    """Tell watchers how far a job is; tells whether it was asked to stop."""
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        work.jobs.advance(job.id, int(data["step"]))
        work.events.append(job.id, "step", data)
        return find_job(work, job.id)[0].cancel_requested


def show_metrics(context: ServiceContext, task: Task, data: dict[str, Any]) -> None:
    """Tell watchers what weights that are paid for do on public data."""
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        work.events.append(job.id, "metrics", data)
        record_of_job(work, "job:metrics", job, details={"step": data["step"], "data": "public"})


def keep_checkpoint(context: ServiceContext, task: Task, step: int, sealed: bytes) -> None:
    """Keep a sealed checkpoint of weights that are paid for; an earlier one than the last changes nothing."""
    job = job_of(task)
    with context.store.write() as work:
        work.work.check(task.lease)
        if any(work.renyi_ledger.reservation(row.id, job.id).spent_steps < step for row in task.datasets):
            raise IllegalSpend(f"a checkpoint of step {step} is kept only once that step is paid for")
        work.checkpoints.keep(job.id, step, sealed)
        details = {"step": step, "digest": digest_bytes(sealed)}
        record_of_job(work, "job:checkpoint", job, details=details)


def last_checkpoint(context: ServiceContext, task: Task) -> tuple[int, bytes] | None:
    """Return step and bytes of the job's last sealed checkpoint."""
    with context.store.read() as work:
        return work.checkpoints.last(job_of(task).id)


def hand_back(context: ServiceContext, statement: str, signature: str) -> None:
    """Give the custodian the trainer's signed word of what the job released, so that the rest goes back there too.

    It gives nothing back where several trainers had the keys; that is no failure of the job, which has ended.
    """
    with suppress(CustodyRefused):
        context.custody.settle_sealed(SettleSealed(statement=statement, signature=signature))


def certify_sealed_model(
    context: ServiceContext, task: Task, model: ModelRow, entry_index: int, signed: tuple[str, str]
) -> bytes:
    """Return the model's certificate.

    Args:
        signed: the trainer's statement about the model, and its signature.

    Raises:
        CustodyRefused, CustodyUnavailable: the custodian says no, or nothing.
    """
    job = job_of(task)
    statement, signature = signed
    request = SealedCertificateRequest(
        grant=Envelope.model_validate_json(job.grant),
        job_id=job.id,
        model_id=model.id,
        weights_digest=model.weights_digest,
        entry_index=entry_index,
        statement=statement,
        signature=signature,
    )
    return context.custody.certify_sealed(request).envelope.model_dump_json().encode()
