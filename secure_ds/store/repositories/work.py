"""The queue of work, held by leases with fences.

Rules:
    - A piece of work has at most one holder whose lease has not run out. When it has, the next claim takes it over.
    - Each claim raises the fence. A holder that was replaced finds out at its next `check`, in the very transaction in
      which it wants to write, and never writes over its successor (Kleppmann 2016, "How to do distributed locking").
    - A lease that ran out but was claimed by nobody is still its holder's: only the fence decides.
    - Work is claimed oldest first; on PostgreSQL claimers skip what another is claiming at that moment.
"""

from datetime import timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select, update

from secure_ds.store.errors import LeaseLost
from secure_ds.store.repositories.base import Repository, add
from secure_ds.store.rows import Lease
from secure_ds.store.tables import work

WorkKind = Literal["check_dataset", "train"]


class Work(Repository):
    """Everything that workers have to do."""

    def enqueue(self, kind: WorkKind, subject_id: str) -> None:
        """Add work on a subject; when that work is known already, nothing changes.

        Raises:
            AlreadyExists: another transaction is adding it at this moment.
        """
        known = select(work.c.fence).where(_is(kind, subject_id))
        if self._connection.execute(known).first() is None:
            values = {"kind": kind, "subject_id": subject_id, "enqueued_at": self._now, "fence": 0}
            add(self._connection, work, values, f"{kind} {subject_id}")

    def claim(self, worker_id: str, lease_seconds: float) -> Lease | None:
        """Take the oldest work that nobody holds, for so many seconds; None when there is nothing to do."""
        free = or_(work.c.expires_at.is_(None), work.c.expires_at <= self._now)
        query = (
            select(work.c.kind, work.c.subject_id, work.c.fence)
            .where(work.c.finished_at.is_(None), free)
            .order_by(work.c.enqueued_at, work.c.subject_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        found = self._connection.execute(query).one_or_none()
        if found is None:
            return None
        expires_at = self._now + timedelta(seconds=lease_seconds)
        lease = Lease(found.kind, found.subject_id, worker_id, found.fence + 1, expires_at)
        self._update(lease, worker_id=worker_id, fence=lease.fence, expires_at=expires_at)
        return lease

    def renew(self, lease: Lease, lease_seconds: float) -> Lease:
        """Hold on to work for so many seconds from now. Raises `LeaseLost`."""
        self.check(lease)
        expires_at = self._now + timedelta(seconds=lease_seconds)
        self._update(lease, expires_at=expires_at)
        return Lease(lease.kind, lease.subject_id, lease.worker_id, lease.fence, expires_at)

    def check(self, lease: Lease) -> None:
        """Make sure that the lease holds until this transaction ends. Call it before writing anything.

        Raises:
            LeaseLost: the work was claimed by another, or is finished.
        """
        query = select(work.c.fence, work.c.finished_at).where(_is(lease.kind, lease.subject_id)).with_for_update()
        found = self._connection.execute(query).one_or_none()
        if found is None or found.fence != lease.fence or found.finished_at is not None:
            raise LeaseLost(f"{lease.worker_id} no longer holds {lease.kind} {lease.subject_id}; it must stop")

    def finish(self, lease: Lease) -> None:
        """Record that the work is done; nobody will claim it again. Raises `LeaseLost`."""
        self.check(lease)
        self._update(lease, finished_at=self._now)

    def _update(self, lease: Lease, **values: object) -> None:
        self._connection.execute(update(work).where(_is(lease.kind, lease.subject_id)).values(**values))


def _is(kind: str, subject_id: str) -> ColumnElement[bool]:
    return and_(work.c.kind == kind, work.c.subject_id == subject_id)
