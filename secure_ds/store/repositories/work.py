"""The queue of work, held by leases with fences.

Rules:
    - A piece of work has at most one holder whose lease has not run out. When it has, the next claim takes it over.
    - Each claim raises the fence. A holder that was replaced finds out at its next `check`, in the very transaction in
      which it wants to write, and never writes over its successor (Kleppmann 2016, "How to do distributed locking").
    - A lease that ran out but was claimed by nobody is still its holder's: only the fence decides.
    - Work is claimed oldest first; on PostgreSQL claimers skip what another is claiming at that moment.
    - The two halves of a pair (`train` and `confirm` of one job) are never held by one domain at a time, nor by a
      worker without a domain. A half whose other half is held comes before everything else, and a worker that waits
      for another gives way to such a half: workers that hold one half of different pairs do not wait for ever.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from sqlalchemy import ColumnElement, and_, exists, false, or_, select, update

from secure_ds.store.errors import LeaseLost
from secure_ds.store.repositories.base import Repository, add
from secure_ds.store.rows import Lease
from secure_ds.store.tables import work

WorkKind = Literal["check_dataset", "train", "confirm", "predict"]
PAIR: Final[tuple[WorkKind, WorkKind]] = ("train", "confirm")
EVERYTHING: Final[tuple[WorkKind, ...]] = ("check_dataset", "predict", *PAIR)

_other = work.alias("other_half")


class Work(Repository):
    """Everything that workers have to do."""

    def enqueue(self, kind: WorkKind, subject_id: str) -> None:
        """Add work on a subject; when that work is known already, nothing changes.

        Raises:
            AlreadyExists: another transaction is adding it at this moment.
        """
        self._enqueue(kind, subject_id, paired=False)

    def enqueue_pair(self, subject_id: str) -> None:
        """Add both halves of work that two domains do side by side; otherwise like `enqueue`."""
        for kind in PAIR:
            self._enqueue(kind, subject_id, paired=True)

    def claim(
        self,
        worker_id: str,
        lease_seconds: float,
        domain: str | None = None,
        kinds: Collection[WorkKind] = EVERYTHING,
    ) -> Lease | None:
        """Take the work that comes next, for so many seconds; None when there is nothing to do.

        Args:
            worker_id: who takes it.
            lease_seconds: for how long.
            domain: the worker's trust domain; without one it takes no half of a pair.
            kinds: what this worker does.
        """
        waiting = self._other_half_is_held()
        query = (
            select(work.c.kind, work.c.subject_id, work.c.fence, work.c.paired)
            .where(work.c.finished_at.is_(None), self._is_free(), self._may_be_held_by(domain), work.c.kind.in_(kinds))
            .order_by(waiting.desc(), work.c.enqueued_at, work.c.subject_id, work.c.kind.desc())
            .limit(1)
            .with_for_update(of=work, skip_locked=True)
        )
        found = self._connection.execute(query).one_or_none()
        if found is None or (found.paired and not self._locks_other_half(found.kind, found.subject_id, domain)):
            return None
        expires_at = self._now + timedelta(seconds=lease_seconds)
        holder = domain if found.paired else None
        lease = Lease(found.kind, found.subject_id, worker_id, found.fence + 1, expires_at, holder)
        self._update(lease, worker_id=worker_id, domain=holder, fence=lease.fence, expires_at=expires_at)
        return lease

    def is_wanted_elsewhere(self, lease: Lease, kinds: Collection[WorkKind] = EVERYTHING) -> bool:
        """Whether nobody holds the other half of this lease's pair, and another pair waits for the holder's domain.

        Args:
            lease: of a half.
            kinds: what its holder does.
        """
        if self.other_half_is_held(lease):
            return False
        wanted = select(work.c.kind).where(
            work.c.subject_id != lease.subject_id,
            work.c.kind.in_(kinds),
            work.c.finished_at.is_(None),
            self._is_free(),
            self._may_be_held_by(lease.domain),
            self._other_half_is_held(),
        )
        return self._connection.execute(wanted).first() is not None

    def other_half_is_held(self, lease: Lease) -> bool:
        """Whether somebody holds the other half of a lease's pair."""
        held = select(work.c.kind).where(
            _whole(lease.kind, lease.subject_id),
            work.c.kind != lease.kind,
            work.c.finished_at.is_(None),
            work.c.expires_at > self._now,
        )
        return self._connection.execute(held).first() is not None

    def is_held(self, lease: Lease) -> bool:
        """Whether a lease holds at this moment. To write by it, use `check`."""
        query = select(work.c.fence).where(_is(lease.kind, lease.subject_id), work.c.finished_at.is_(None))
        return self._connection.execute(query).scalar_one_or_none() == lease.fence

    def fence_of_holder(self, kind: WorkKind, subject_id: str) -> int | None:
        """Return the fence of whoever holds work at this moment; None where nobody does, or it is finished."""
        held = and_(_is(kind, subject_id), work.c.finished_at.is_(None), work.c.worker_id.is_not(None))
        return self._connection.execute(select(work.c.fence).where(held)).scalar_one_or_none()

    def let_go(self, lease: Lease) -> None:
        """Give work back before its lease runs out. Raises `LeaseLost`."""
        self.check(lease)
        self._update(lease, worker_id=None, domain=None, expires_at=None, fence=lease.fence + 1)

    def renew(self, lease: Lease, lease_seconds: float) -> Lease:
        """Hold on to work for so many seconds from now. Raises `LeaseLost`."""
        self.check(lease)
        expires_at = self._now + timedelta(seconds=lease_seconds)
        self._update(lease, expires_at=expires_at)
        return replace(lease, expires_at=expires_at)

    def check(self, lease: Lease) -> None:
        """Make sure that the lease holds until this transaction ends. Call it before writing anything.

        Raises:
            LeaseLost: the work was claimed by another, or is finished.
        """
        rows = self._connection.execute(
            select(work.c.kind, work.c.fence, work.c.finished_at)
            .where(_whole(lease.kind, lease.subject_id))
            .order_by(work.c.kind)  # both halves of a pair, always in this order: their holders may end them together
            .with_for_update()
        )
        found = next((row for row in rows if row.kind == lease.kind), None)
        if found is None or found.fence != lease.fence or found.finished_at is not None:
            raise LeaseLost(f"{lease.worker_id} no longer holds {lease.kind} {lease.subject_id}; it must stop")

    def finish(self, lease: Lease) -> None:
        """Record that the work is done; nobody will claim it again. Raises `LeaseLost`."""
        self.check(lease)
        self._update(lease, finished_at=self._now)

    def finish_whole(self, lease: Lease) -> None:
        """Record that the work is done, and with it the other half if it has one. Raises `LeaseLost`."""
        self.check(lease)
        unfinished = and_(_whole(lease.kind, lease.subject_id), work.c.finished_at.is_(None))
        self._connection.execute(update(work).where(unfinished).values(finished_at=self._now))

    def _enqueue(self, kind: WorkKind, subject_id: str, *, paired: bool) -> None:
        known = select(work.c.fence).where(_is(kind, subject_id))
        if self._connection.execute(known).first() is None:
            values = {"kind": kind, "subject_id": subject_id, "enqueued_at": self._now, "fence": 0, "paired": paired}
            add(self._connection, work, values, f"{kind} {subject_id}")

    def _is_free(self) -> ColumnElement[bool]:
        return or_(work.c.expires_at.is_(None), work.c.expires_at <= self._now)

    def _may_be_held_by(self, domain: str | None) -> ColumnElement[bool]:
        alone = work.c.paired == false()
        if domain is None:
            return alone
        return or_(alone, ~exists().where(*self._other_half(), _other.c.domain == domain))

    def _other_half_is_held(self) -> ColumnElement[bool]:
        return and_(work.c.paired, exists().where(*self._other_half()))

    def _other_half(self) -> list[ColumnElement[bool]]:
        """That `_other` is the other half of `work`'s pair, and held."""
        return [
            _other.c.subject_id == work.c.subject_id,
            _other.c.kind.in_(PAIR),
            _other.c.kind != work.c.kind,
            _other.c.finished_at.is_(None),
            _other.c.expires_at > self._now,
        ]

    def _locks_other_half(self, kind: str, subject_id: str, domain: str | None) -> bool:
        """Take the other half's row lock too, and look again: on PostgreSQL it may be claimed at this moment.

        The lock is not waited for; whoever does not get it finds the work at the next claim.
        """
        query = (
            select(work.c.domain, work.c.expires_at)
            .where(work.c.subject_id == subject_id, work.c.kind.in_(PAIR), work.c.kind != kind)
            .with_for_update(skip_locked=True)
        )
        found = self._connection.execute(query).one_or_none()
        if found is None:
            return False
        return found.domain != domain or found.expires_at is None or bool(found.expires_at <= self._now)

    def _update(self, lease: Lease, **values: object) -> None:
        self._connection.execute(update(work).where(_is(lease.kind, lease.subject_id)).values(**values))


def _whole(kind: str, subject_id: str) -> ColumnElement[bool]:
    """The work itself, and its other half where it is one of a pair."""
    return and_(work.c.subject_id == subject_id, work.c.kind.in_(PAIR if kind in PAIR else (kind,)))


def _is(kind: str, subject_id: str) -> ColumnElement[bool]:
    return and_(work.c.kind == kind, work.c.subject_id == subject_id)
