"""Data sets: registered once, moved through their life, listed without their heavy parts."""

from collections.abc import Sequence

from secure_ds.jobs.dataset_lifecycle import DatasetState, move
from secure_ds.store.repositories.base import Repository, add, change, find, page, require, values_of
from secure_ds.store.rows import DatasetRow, DatasetSummary
from secure_ds.store.tables import datasets


class Datasets(Repository):
    """The registered data sets."""

    def add(self, row: DatasetRow) -> None:
        """Add a data set. Raises `AlreadyExists`."""
        add(self._connection, datasets, values_of(row), row.id)

    def get(self, dataset_id: str) -> DatasetRow | None:
        """Return a data set with its envelope and sealed key, or None."""
        return find(self._connection, datasets, DatasetRow, datasets.c.id == dataset_id)

    def list(self, tenant: str | None, after: str | None, limit: int) -> Sequence[DatasetSummary]:
        """Return a page of a tenant's data sets (of all, for None), newest first. Raises `UnknownCursor`."""
        conditions = [] if tenant is None else [datasets.c.tenant == tenant]
        return page(self._connection, datasets, DatasetSummary, datasets.c.created_at, conditions, after, limit)

    def move(self, dataset_id: str, to_state: DatasetState, refusal: tuple[str, str] | None = None) -> DatasetRow:
        """Move a data set and return it as it is then.

        Args:
            dataset_id: the data set.
            to_state: where it goes.
            refusal: code and detail, when it is refused.

        Raises:
            NotFound: there is no such data set.
            IllegalTransition: it may not go there.
        """
        row = require(self._connection, datasets, DatasetRow, dataset_id)
        code, detail = refusal or (None, None)
        state = move(row.state, to_state)
        return change(self._connection, datasets, row, state=state, refusal_code=code, refusal_detail=detail)
