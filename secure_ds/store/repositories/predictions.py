"""Networks that were handed in, the predictions asked of them, and the files of those."""

from collections.abc import Iterable, Sequence

from sqlalchemy import and_, select, update

from secure_ds.jobs.prediction import PredictionState
from secure_ds.store.errors import NotFound
from secure_ds.store.repositories.base import Repository, add, change, columns_of, find, require, values_of
from secure_ds.store.rows import NetworkRow, PredictionFileRow, PredictionRow
from secure_ds.store.tables import networks, prediction_files, predictions


class Networks(Repository):
    """The networks of all tenants; none is ever changed."""

    def add(self, row: NetworkRow) -> None:
        """Add a network. Raises `AlreadyExists`."""
        add(self._connection, networks, values_of(row), row.id)

    def get(self, network_id: str) -> NetworkRow | None:
        """Return a network, or None."""
        return find(self._connection, networks, NetworkRow, networks.c.id == network_id)


class Predictions(Repository):
    """The predictions of all tenants, with their files."""

    def add(self, row: PredictionRow, files: Iterable[PredictionFileRow]) -> None:
        """Add a prediction and the files it announces. Raises `AlreadyExists`, also when a digest comes twice."""
        add(self._connection, predictions, values_of(row), row.id)
        for file in files:
            self.add_file(row.id, file)

    def add_file(self, prediction_id: str, file: PredictionFileRow) -> None:
        """Add one file. Raises `AlreadyExists`."""
        values = values_of(file) | {"prediction_id": prediction_id}
        add(self._connection, prediction_files, values, f"file {file.digest} or another in its place")

    def get(self, prediction_id: str) -> PredictionRow | None:
        """Return a prediction, or None."""
        return find(self._connection, predictions, PredictionRow, predictions.c.id == prediction_id)

    def lock(self, prediction_id: str) -> PredictionRow:
        """Return a prediction, locked, to be changed. Raises `NotFound`."""
        return require(self._connection, predictions, PredictionRow, prediction_id)

    def queue(self, row: PredictionRow) -> PredictionRow:
        """Record that all files have arrived."""
        return change(self._connection, predictions, row, state=PredictionState.QUEUED)

    def finish(self, row: PredictionRow, *, seconds: float | None, failure: str | None) -> PredictionRow:
        """Record how it ended."""
        state = PredictionState.FAILED if failure else PredictionState.DONE
        values = {"state": state, "finished_at": self._now, "seconds": seconds, "failure": failure}
        return change(self._connection, predictions, row, **values)

    def files(self, prediction_id: str, kind: str | None = None) -> Sequence[PredictionFileRow]:
        """Return a prediction's files, by kind and position."""
        query = select(*columns_of(prediction_files, PredictionFileRow))
        query = query.where(prediction_files.c.prediction_id == prediction_id)
        if kind is not None:
            query = query.where(prediction_files.c.kind == kind)
        rows = self._connection.execute(query.order_by(prediction_files.c.kind, prediction_files.c.position))
        return [PredictionFileRow(**row) for row in rows.mappings()]

    def complete(self, prediction_id: str, digest: str) -> None:
        """Record that a file has arrived and is what it should be. Raises `NotFound`."""
        place = and_(prediction_files.c.prediction_id == prediction_id, prediction_files.c.digest == digest)
        if self._connection.execute(update(prediction_files).where(place).values(complete=True)).rowcount == 0:
            raise NotFound(f"prediction {prediction_id} announces no file {digest}")
