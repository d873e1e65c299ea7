"""Read about jobs: the list, one of them, its steps, its events as they happen."""

import time
from collections.abc import Iterator, Sequence

from policies.actions import Action
from policies.enforcement import filter_allowed
from policies.entities import Tenant
from policies.request import Request
from policies.vocabulary import Door
from secure_ds.core.principal import Caller
from secure_ds.jobs.lifecycle import is_final
from secure_ds.services.context import ServiceContext
from secure_ds.services.facts import job_facts, user_facts
from secure_ds.services.gate import Subject, permit, verb
from secure_ds.services.lookups import find_job, page
from secure_ds.services.parties import subject_of
from secure_ds.services.views import job_view, step_view
from secure_ds.store.rows import JobRow
from secure_ds.wire.base import Page
from secure_ds.wire.jobs import JobEvent, JobView, StepView

POLL_SECONDS = 0.25
EVENTS_AT_A_TIME = 500


@verb(Action.JOB_LIST)
def list_jobs(
    context: ServiceContext,
    caller: Caller,
    cursor: str | None = None,
    limit: int = 50,
    dataset_id: str | None = None,
) -> Page[JobView]:
    """Return the jobs that the caller may read, newest first."""
    tenant = caller.principal.tenant
    user = user_facts(caller.principal)
    with context.store.write() as work:
        permit(context, work, caller, Action.JOB_LIST, Tenant(id=tenant), Subject(dataset_id=dataset_id))
    with context.store.read() as work:

        def may_see(rows: Sequence[JobRow]) -> Sequence[JobRow]:
            def question(row: JobRow) -> Request:
                return Request(user, Action.JOB_READ, job_facts(row, work.jobs.datasets(row.id)))

            return filter_allowed(context.policy, Door.HTTP, rows, question)

        return page(
            lambda after: work.jobs.list(tenant, None, dataset_id, after, limit + 1),
            may_see,
            lambda row: job_view(row, work.jobs.datasets(row.id)),
            cursor,
            limit,
        )


@verb(Action.JOB_READ)
def show_job(context: ServiceContext, caller: Caller, job_id: str) -> JobView:
    """Return one job."""
    with context.store.write() as work:
        job, datasets = find_job(work, job_id)
        subject = subject_of(caller, job.id, datasets)
        permit(context, work, caller, Action.JOB_READ, job_facts(job, datasets), subject)
        return job_view(job, datasets)


@verb(Action.JOB_READ_STEPS)
def list_steps(context: ServiceContext, caller: Caller, job_id: str) -> Page[StepView]:
    """Return what each step released, and from which ciphertext."""
    with context.store.write() as work:
        job, datasets = find_job(work, job_id)
        subject = subject_of(caller, job.id, datasets)
        permit(context, work, caller, Action.JOB_READ_STEPS, job_facts(job, datasets), subject)
        return Page(items=[step_view(step) for step in work.steps.list(job.id)])


@verb(Action.JOB_READ)
def job_events(
    context: ServiceContext, caller: Caller, job_id: str, after: int = 0, limit: int | None = None
) -> Iterator[JobEvent | None]:
    """Return a stream of the job's events after number `after`, until the job ends or `limit` events were sent.

    A None in the stream means "nothing new"; the caller turns it into a heartbeat or gives up.
    """
    with context.store.write() as work:
        job, datasets = find_job(work, job_id)
        subject = subject_of(caller, job.id, datasets)
        permit(context, work, caller, Action.JOB_READ, job_facts(job, datasets), subject, stream=True)
    return _follow(context, job_id, after, limit)


def _follow(context: ServiceContext, job_id: str, after: int, limit: int | None) -> Iterator[JobEvent | None]:
    sent = 0
    while True:
        with context.store.read() as work:
            job, _ = find_job(work, job_id)
            rows = work.events.list(job_id, after, EVENTS_AT_A_TIME)
        for row in rows:
            yield JobEvent(id=row.seq, event=row.event, data=dict(row.data))
            after, sent = row.seq, sent + 1
            if limit is not None and sent >= limit:
                return
        if not rows:
            if is_final(job.state):
                return
            yield None
            time.sleep(POLL_SECONDS)
