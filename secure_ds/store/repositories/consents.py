"""Consents of data sets' owners: added, never changed; of a data set's consents the one with the highest number holds.

The custodian keeps the same envelopes and believes its own. These are what the service decides by and shows.
"""

from collections.abc import Sequence

from sqlalchemy import and_, func, select

from secure_ds.store.repositories.base import Repository, add, columns_of, values_of
from secure_ds.store.rows import ConsentRow
from secure_ds.store.tables import consents


class Consents(Repository):
    """The consents to all collaborations."""

    def add(self, row: ConsentRow) -> None:
        """Add a consent. Raises `AlreadyExists` when the data set has one of that number."""
        add(self._connection, consents, values_of(row), f"consent {row.number} of {row.dataset_id}")

    def latest(self, dataset_id: str) -> ConsentRow | None:
        """Return the consent that holds for a data set, or None where its owner never gave one."""
        query = select(*columns_of(consents, ConsentRow)).where(consents.c.dataset_id == dataset_id)
        found = self._connection.execute(query.order_by(consents.c.number.desc()).limit(1)).mappings().one_or_none()
        return None if found is None else ConsentRow(**found)

    def of_collaboration(self, collaboration_id: str) -> Sequence[ConsentRow]:
        """Return the consents that hold within a collaboration, one a data set, in the order of the data sets' ids."""
        newest = (
            select(consents.c.dataset_id, func.max(consents.c.number).label("number"))
            .group_by(consents.c.dataset_id)
            .subquery()
        )
        holds = and_(consents.c.dataset_id == newest.c.dataset_id, consents.c.number == newest.c.number)
        query = (
            select(*columns_of(consents, ConsentRow))
            .join(newest, holds)
            .where(consents.c.collaboration_id == collaboration_id)
            .order_by(consents.c.dataset_id)
        )
        return [ConsentRow(**row) for row in self._connection.execute(query).mappings()]
