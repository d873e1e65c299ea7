"""End what a job holds of budgets, whichever kind of budget its data sets have."""

from secure_ds.store.rows import JobRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.jobs import SEALED


def settle_job(work: UnitOfWork, job: JobRow) -> None:
    """Give back what a job reserved and never released; again changes nothing."""
    if job.algorithm != SEALED:
        work.ledger.settle(job.id)
        return
    for row in work.jobs.datasets(job.id):
        work.renyi_ledger.settle(row.id, job.id)
