"""Ask a job to stop. It ends at the next step boundary; what it released stays spent, the rest goes back."""

from policies.actions import Action
from secure_ds.core.principal import Caller
from secure_ds.jobs.errors import IllegalTransition
from secure_ds.jobs.lifecycle import JobState
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import StateConflict
from secure_ds.services.facts import job_facts
from secure_ds.services.gate import decide, verb
from secure_ds.services.lookups import find_job
from secure_ds.services.parties import record_for_all
from secure_ds.services.settling import settle_job
from secure_ds.services.views import job_view
from secure_ds.wire.jobs import JobView


@verb(Action.JOB_CANCEL)
def cancel_job(context: ServiceContext, caller: Caller, job_id: str) -> JobView:
    """Request cancellation; a job that no worker has taken yet ends at once.

    Raises:
        StateConflict: the job has ended already.
    """
    with context.store.write() as work:
        job, datasets = find_job(work, job_id)
        decision = decide(context, caller, Action.JOB_CANCEL, job_facts(job, datasets))
        try:
            job = work.jobs.request_cancel(job.id)
        except IllegalTransition as error:
            raise StateConflict(f"the job has ended already: {job.state}") from error
        if job.state == JobState.QUEUED:
            work.jobs.move(job.id, JobState.CANCELLED)
            settle_job(work, job)
            work.events.append(job.id, "cancelled", {"steps_done": job.steps_done})
        details = {"steps_done": job.steps_done}
        record_for_all(work, caller, Action.JOB_CANCEL, job.id, datasets, {"": decision}, details=details)
        return job_view(*find_job(work, job_id))
