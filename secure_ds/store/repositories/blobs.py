"""Which files a data set consists of, and which have arrived; their bytes are in a `secure_ds.store.blobs.Blobs`."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, and_, select, update

from secure_ds.store.errors import NotFound
from secure_ds.store.repositories.base import Repository, add, columns_of, find, values_of
from secure_ds.store.rows import BlobRow
from secure_ds.store.tables import blobs


class BlobIndex(Repository):
    """The blobs that descriptors announce."""

    def expect(self, dataset_id: str, announced: Iterable[BlobRow]) -> None:
        """Record the blobs of a new data set. Raises `AlreadyExists` when a digest or a place comes twice."""
        for row in announced:
            values = values_of(row) | {"dataset_id": dataset_id}
            add(self._connection, blobs, values, f"blob {row.digest} or another in its place")

    def get(self, dataset_id: str, digest: str) -> BlobRow | None:
        """Return one blob of a data set, or None when it announces no such blob."""
        return find(self._connection, blobs, BlobRow, _is(dataset_id, digest))

    def list(self, dataset_id: str) -> Sequence[BlobRow]:
        """Return all blobs of a data set, by kind, column and block."""
        return self._select(blobs.c.dataset_id == dataset_id)

    def missing(self, dataset_id: str) -> Sequence[BlobRow]:
        """Return the blobs that have not arrived, in the same order."""
        return self._select(and_(blobs.c.dataset_id == dataset_id, blobs.c.complete.is_(False)))

    def complete(self, dataset_id: str, digest: str) -> None:
        """Record that a blob has arrived and matches its digest; again changes nothing. Raises `NotFound`."""
        arrived = update(blobs).where(_is(dataset_id, digest)).values(complete=True)
        if self._connection.execute(arrived).rowcount == 0:
            raise NotFound(f"data set {dataset_id} announces no blob {digest}")

    def _select(self, condition: ColumnElement[bool]) -> Sequence[BlobRow]:
        order = (blobs.c.kind, blobs.c.column, blobs.c.block)
        query = select(*columns_of(blobs, BlobRow)).where(condition).order_by(*order)
        return [BlobRow(**row) for row in self._connection.execute(query).mappings()]


def _is(dataset_id: str, digest: str) -> ColumnElement[bool]:
    return and_(blobs.c.dataset_id == dataset_id, blobs.c.digest == digest)
