"""Each job's stream of events, numbered from 1 without gaps; what watchers see, in order, after any reconnect."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from secure_ds.store.errors import NotFound
from secure_ds.store.repositories.base import Repository, columns_of, values_of
from secure_ds.store.rows import EventRow
from secure_ds.store.tables import events, jobs


class Events(Repository):
    """The events of all jobs."""

    def append(self, job_id: str, event: str, data: Mapping[str, Any]) -> int:
        """Add an event and return its number; the job's row lock keeps numbers and visibility in the same order.

        Raises:
            NotFound: there is no such job.
        """
        count = update(jobs).where(jobs.c.id == job_id).values(events_done=jobs.c.events_done + 1)
        seq = self._connection.execute(count.returning(jobs.c.events_done)).scalar_one_or_none()
        if seq is None:
            raise NotFound(f"there is no job {job_id}")
        self._connection.execute(insert(events), values_of(EventRow(job_id, seq, event, dict(data), self._now)))
        return int(seq)

    def list(self, job_id: str, after_seq: int, limit: int) -> Sequence[EventRow]:
        """Return up to `limit` events that follow number `after_seq` (0 for the first), in order."""
        query = select(*columns_of(events, EventRow)).where(events.c.job_id == job_id, events.c.seq > after_seq)
        rows = self._connection.execute(query.order_by(events.c.seq).limit(limit)).mappings()
        return [EventRow(**row) for row in rows]
