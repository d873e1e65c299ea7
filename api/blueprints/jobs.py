"""Training jobs, their events and their released steps."""

from contextlib import ExitStack

from flask import Response

from api.blueprints.parameters import EventHeaders, IdempotencyHeaders
from api.openapi import OperationBlueprint
from api.settings import ApiSettings
from api.sse import MEDIA_TYPE, EventFrame, event_stream
from api.stream_slots import StreamSlots
from api.verbs import Verbs
from secure_ds.core.principal import Caller
from secure_ds.wire.base import JobId, Page
from secure_ds.wire.jobs import EventQuery, JobQuery, JobSubmit, JobView, StepView

jobs = OperationBlueprint("jobs", "Training on ciphertexts: admission, progress, released steps.")


@jobs.operation("POST", "/v1/jobs", status=202, problems=(404, 409, 412))
def submit_job(verbs: Verbs, caller: Caller, body: JobSubmit, headers: IdempotencyHeaders) -> JobView:
    """Submit a job.

    Decision, reservation of budget, key grant, job and audit entry are one transaction: all of them happen, or none.
    """
    return verbs.submit_job(caller, body, headers.idempotency_key)


@jobs.operation("GET", "/v1/jobs", problems=(404,))
def list_jobs(verbs: Verbs, caller: Caller, query: JobQuery) -> Page[JobView]:
    """List the jobs that the caller may see."""
    return verbs.list_jobs(caller, query.cursor, query.limit, query.dataset_id)


@jobs.operation("GET", "/v1/jobs/{job_id}")
def show_job(verbs: Verbs, caller: Caller, job_id: JobId) -> JobView:
    """Show a job."""
    return verbs.show_job(caller, job_id)


@jobs.operation("POST", "/v1/jobs/{job_id}/cancel", status=202, problems=(409,))
def cancel_job(verbs: Verbs, caller: Caller, job_id: JobId) -> JobView:
    """Ask a job to stop; what it has spent stays spent, what it reserved beyond that is returned."""
    return verbs.cancel_job(caller, job_id)


@jobs.operation("GET", "/v1/jobs/{job_id}/events", media=(MEDIA_TYPE,), model=EventFrame)
def job_events(
    verbs: Verbs,
    caller: Caller,
    settings: ApiSettings,
    slots: StreamSlots,
    job_id: JobId,
    query: EventQuery,
    headers: EventHeaders,
) -> Response:
    """Follow a job as server-sent events.

    The stream ends with the job, after `limit` events, or after some minutes; reconnect with `Last-Event-ID`. Whoever
    has too many streams open is answered 503.
    """
    with ExitStack() as slot:
        slot.callback(slots.take(caller.principal.id))
        events = verbs.job_events(caller, job_id, headers.last_event_id, query.limit)
        stream = event_stream(events, lifetime=settings.stream_seconds, heartbeat=settings.heartbeat_seconds)
        stream.call_on_close(slot.pop_all().close)
        return stream


@jobs.operation("GET", "/v1/jobs/{job_id}/steps")
def list_steps(verbs: Verbs, caller: Caller, job_id: JobId) -> Page[StepView]:
    """List a job's released steps, enough to recompute each of their ciphertexts."""
    return verbs.list_steps(caller, job_id)
