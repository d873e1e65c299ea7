"""Whose logs an operation on a job is filed in: that of every tenant concerned, about its own data.

A job belongs to the tenant that submitted it, and to the tenants of the data sets it learns from. Each gets an entry
for each of its data sets; the submitter's gets one also where none of its own data is in the job. What each entry names
is that tenant's, or known to all of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from audit.entry import Actor, ActorKind, EntryDraft, Outcome
from policies.verdict import Decision
from secure_ds.core.principal import Caller
from secure_ds.services.gate import Subject, record
from secure_ds.store.rows import DatasetSummary, JobRow
from secure_ds.store.unit_of_work import UnitOfWork

WORKER = Actor("worker", None, (), ActorKind.SERVICE)


def filings(home: str, datasets: Sequence[DatasetSummary]) -> list[tuple[str, str | None]]:
    """Return (tenant, data set) of every entry, those of the tenant `home` first."""
    own: list[tuple[str, str | None]] = [(home, row.id) for row in datasets if row.tenant == home]
    return (own or [(home, None)]) + [(row.tenant, row.id) for row in datasets if row.tenant != home]


def subject_of(caller: Caller, job_id: str, datasets: Sequence[DatasetSummary]) -> Subject:
    """What the caller's own log files an operation on a job under."""
    return Subject(dataset_id=filings(caller.principal.tenant, datasets)[0][1], job_id=job_id)


def record_of_job(
    work: UnitOfWork,
    action: str,
    job: JobRow,
    *,
    outcome: Outcome = Outcome.DONE,
    event_id: str | None = None,
    **fields: Any,
) -> int:
    """Append the worker's entries about a job; return the index of the first, which is the submitter's tenant's."""
    indices = []
    for tenant, dataset_id in filings(job.tenant, work.jobs.datasets(job.id)):
        draft = EntryDraft(
            action=action,
            actor=WORKER,
            tenant=tenant,
            outcome=outcome,
            dataset_id=dataset_id,
            job_id=job.id,
            event_id=event_id and f"{event_id}/{dataset_id}",
            **fields,
        )
        indices.append(work.audit.append(draft).index)
    return indices[0]


def record_for_all(
    work: UnitOfWork,
    caller: Caller,
    action: str,
    job_id: str | None,
    datasets: Sequence[DatasetSummary],
    decisions: Mapping[str, Decision],
    *,
    details: Mapping[str, Any],
) -> None:
    """Append an operation's entries in its own transaction.

    Args:
        job_id: the job, where there is one already.
        decisions: what the policies said, by data set; "" for the operation as a whole.
    """
    for tenant, dataset_id in filings(caller.principal.tenant, datasets):
        decision = decisions.get(dataset_id or "", decisions.get(""))
        subject = Subject(dataset_id=dataset_id, job_id=job_id)
        record(work, caller, action, subject, decision, tenant=tenant, details=details)
