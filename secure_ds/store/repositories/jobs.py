"""Jobs: added once, moved through their life under their row lock, listed newest first."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, insert, or_, select, update

from secure_ds.jobs.errors import IllegalTransition
from secure_ds.jobs.lifecycle import JobState, is_final, move
from secure_ds.store.repositories.base import Repository, add, change, columns_of, find, page, require, values_of
from secure_ds.store.repositories.taking_part import learns_from
from secure_ds.store.rows import DatasetSummary, JobRow
from secure_ds.store.tables import datasets, job_datasets, jobs


class Jobs(Repository):
    """The jobs of all tenants."""

    def add(self, row: JobRow, dataset_ids: Sequence[str] = ()) -> None:
        """Add a job on its data set, or on all of `dataset_ids`. Raises `AlreadyExists`."""
        add(self._connection, jobs, values_of(row), row.id)
        taken = [{"job_id": row.id, "dataset_id": each} for each in dataset_ids or (row.dataset_id,)]
        self._connection.execute(insert(job_datasets), taken)

    def get(self, job_id: str) -> JobRow | None:
        """Return a job, or None."""
        return find(self._connection, jobs, JobRow, jobs.c.id == job_id)

    def lock(self, job_id: str) -> JobRow:
        """Return a job as it is and stays until this transaction ends. Raises `NotFound`.

        On PostgreSQL what `get` returned may be old by the time it is acted upon; what this returned is not.
        """
        return require(self._connection, jobs, JobRow, job_id)

    def datasets(self, job_id: str) -> Sequence[DatasetSummary]:
        """Return the data sets that a job learns from, in the order of their ids."""
        taken = select(job_datasets.c.dataset_id).where(job_datasets.c.job_id == job_id)
        query = select(*columns_of(datasets, DatasetSummary)).where(datasets.c.id.in_(taken)).order_by(datasets.c.id)
        return [DatasetSummary(**row) for row in self._connection.execute(query).mappings()]

    def list(
        self, tenant: str | None, submitter: str | None, dataset_id: str | None, after: str | None, limit: int
    ) -> Sequence[JobRow]:
        """Return a page of jobs, newest first; None leaves a condition out. Raises `UnknownCursor`.

        A tenant's jobs are those it submitted and those that learn from its data.
        """
        conditions: list[ColumnElement[bool]] = []
        if tenant is not None:
            conditions.append(or_(jobs.c.tenant == tenant, learns_from(jobs.c.id, datasets.c.tenant == tenant)))
        if submitter is not None:
            conditions.append(jobs.c.submitter == submitter)
        if dataset_id is not None:
            conditions.append(learns_from(jobs.c.id, datasets.c.id == dataset_id))
        return page(self._connection, jobs, JobRow, jobs.c.submitted_at, conditions, after, limit)

    def move(self, job_id: str, to_state: JobState, failure: str | None = None, model_id: str | None = None) -> JobRow:
        """Move a job and return it as it is then; a final state also sets its `finished_at`.

        Args:
            job_id: the job.
            to_state: where it goes.
            failure: why it failed, in words that hold no data.
            model_id: the model it made.

        Raises:
            NotFound: there is no such job.
            IllegalTransition: it may not go there.
        """
        row = self.lock(job_id)
        state = move(row.state, to_state)
        finished_at = self._now if is_final(state) else None
        return change(
            self._connection, jobs, row, state=state, finished_at=finished_at, failure=failure, model_id=model_id
        )

    def advance(self, job_id: str, steps_done: int) -> None:
        """Record that a job's first steps are done; a smaller number changes nothing."""
        behind = and_(jobs.c.id == job_id, jobs.c.steps_done < steps_done)
        self._connection.execute(update(jobs).where(behind).values(steps_done=steps_done))

    def request_cancel(self, job_id: str) -> JobRow:
        """Ask that a job stop before its next step; again changes nothing.

        Raises:
            NotFound: there is no such job.
            IllegalTransition: it is over.
        """
        row = self.lock(job_id)
        if is_final(row.state):
            raise IllegalTransition("job", row.state, JobState.CANCELLED, [])
        return change(self._connection, jobs, row, cancel_requested=True)
