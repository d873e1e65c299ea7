"""The last sealed checkpoint of each job: bytes that only a trainer with the job's data keys can open.

Rule: a job's checkpoint never goes back to an earlier step.
"""

from sqlalchemy import insert, select, update

from secure_ds.store.repositories.base import Repository
from secure_ds.store.tables import job_checkpoints


class JobCheckpoints(Repository):
    """The checkpoints of all sealed jobs."""

    def keep(self, job_id: str, step: int, sealed: bytes) -> None:
        """Replace a job's checkpoint by a later one; an earlier one changes nothing."""
        query = select(job_checkpoints.c.step).where(job_checkpoints.c.job_id == job_id).with_for_update()
        known = self._connection.execute(query).scalar_one_or_none()
        values = {"step": step, "sealed": sealed, "written_at": self._now}
        if known is None:
            self._connection.execute(insert(job_checkpoints), values | {"job_id": job_id})
        elif step > known:
            self._connection.execute(update(job_checkpoints).where(job_checkpoints.c.job_id == job_id).values(**values))

    def last(self, job_id: str) -> tuple[int, bytes] | None:
        """Return step and bytes of a job's checkpoint, if it has one."""
        query = select(job_checkpoints.c.step, job_checkpoints.c.sealed).where(job_checkpoints.c.job_id == job_id)
        found = self._connection.execute(query).one_or_none()
        return None if found is None else (int(found.step), bytes(found.sealed))
