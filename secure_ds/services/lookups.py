"""Find an object, or answer that there is none."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from secure_ds.services.errors import NotFound
from secure_ds.store.rows import (
    CollaborationRow,
    DatasetRow,
    DatasetSummary,
    JobRow,
    ModelRow,
    NetworkRow,
    PredictionRow,
)
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.base import Page

Row = TypeVar("Row")
View = TypeVar("View")


def find_dataset(work: UnitOfWork, dataset_id: str) -> DatasetRow:
    """Return the data set.

    Raises:
        NotFound: there is none.
    """
    return _found(work.datasets.get(dataset_id))


def find_collaboration(work: UnitOfWork, collaboration_id: str) -> CollaborationRow:
    """Return the collaboration.

    Raises:
        NotFound: there is none.
    """
    return _found(work.collaborations.get(collaboration_id))


def find_job(work: UnitOfWork, job_id: str) -> tuple[JobRow, Sequence[DatasetSummary]]:
    """Return the job and its data sets, in the order of their ids.

    Raises:
        NotFound: there is none.
    """
    job = _found(work.jobs.get(job_id))
    return job, work.jobs.datasets(job.id)


def find_network(work: UnitOfWork, network_id: str) -> NetworkRow:
    """Return the network.

    Raises:
        NotFound: there is none.
    """
    return _found(work.networks.get(network_id))


def find_prediction(work: UnitOfWork, prediction_id: str) -> PredictionRow:
    """Return the prediction.

    Raises:
        NotFound: there is none.
    """
    return _found(work.predictions.get(prediction_id))


def find_model(work: UnitOfWork, model_id: str) -> tuple[ModelRow, JobRow, Sequence[DatasetSummary]]:
    """Return a released model, its job and its data sets.

    Raises:
        NotFound: there is none, or it was never released.
    """
    model = _found(work.models.get(model_id))
    if not model.released:
        raise NotFound("there is no such object")
    return model, *find_job(work, model.job_id)


def page(
    fetch: Callable[[str | None], Sequence[Row]],
    may_see: Callable[[Sequence[Row]], Sequence[Row]],
    view: Callable[[Row], View],
    cursor: str | None,
    limit: int,
) -> Page[Any]:
    """Fill a page with rows the caller may see; what they may not see neither shows nor counts.

    `fetch(after)` returns the rows that follow the row with that id, newest first.
    """
    visible: list[Row] = []
    after = cursor
    while len(visible) <= limit:
        rows = fetch(after)
        visible.extend(may_see(rows))
        if not rows:
            break
        after = rows[-1].id  # type: ignore[attr-defined]
    shown = visible[:limit]
    more = len(visible) > limit
    return Page(items=[view(row) for row in shown], next=shown[-1].id if more and shown else None)  # type: ignore[attr-defined]


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("there is no such object")
    return row
