"""Collaborations: added once with their members, found by any of them."""

from collections.abc import Sequence

from sqlalchemy import insert, select

from secure_ds.store.repositories.base import Repository, add, find, page, values_of
from secure_ds.store.rows import CollaborationRow
from secure_ds.store.tables import collaborations, memberships


class Collaborations(Repository):
    """The collaborations of all tenants."""

    def add(self, row: CollaborationRow) -> None:
        """Add a collaboration and its members. Raises `AlreadyExists`."""
        add(self._connection, collaborations, values_of(row), row.id)
        members = [{"collaboration_id": row.id, "tenant": tenant} for tenant in sorted(row.members)]
        self._connection.execute(insert(memberships), members)

    def get(self, collaboration_id: str) -> CollaborationRow | None:
        """Return a collaboration, or None."""
        return find(self._connection, collaborations, CollaborationRow, collaborations.c.id == collaboration_id)

    def ids(self, tenant: str) -> frozenset[str]:
        """Return the ids of all collaborations that a tenant is a member of."""
        query = select(memberships.c.collaboration_id).where(memberships.c.tenant == tenant)
        return frozenset(self._connection.execute(query).scalars())

    def list(self, tenant: str, after: str | None, limit: int) -> Sequence[CollaborationRow]:
        """Return a page of the collaborations that a tenant is a member of, newest first. Raises `UnknownCursor`."""
        own = select(memberships.c.collaboration_id).where(memberships.c.tenant == tenant)
        conditions = [collaborations.c.id.in_(own)]
        time = collaborations.c.created_at
        return page(self._connection, collaborations, CollaborationRow, time, conditions, after, limit)
