"""What the worker writes about a prediction: its end, with its audit entry, under the fence of its lease."""

import io
from dataclasses import dataclass

from audit.entry import EntryDraft, Outcome
from secure_ds.core.digest import digest_bytes
from secure_ds.jobs.prediction import INPUT, KEY, OUTPUT
from secure_ds.services.context import ServiceContext
from secure_ds.services.lookups import find_network, find_prediction
from secure_ds.services.parties import WORKER
from secure_ds.store.rows import Lease, NetworkRow, PredictionFileRow, PredictionRow
from secure_ds.store.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class PredictionTask:
    """A claimed prediction, with the rows as they were when it was claimed."""

    lease: Lease
    prediction: PredictionRow
    network: NetworkRow
    files: tuple[PredictionFileRow, ...]

    def read(self, context: ServiceContext, file: PredictionFileRow) -> bytes:
        """Return a file's bytes."""
        with context.blobs.open(self.prediction.id, file.digest) as stored:
            return stored.read()

    def of_kind(self, kind: str) -> list[PredictionFileRow]:
        """Return the files of a kind, in order."""
        return [file for file in self.files if file.kind == kind]


def claimed_prediction(work: UnitOfWork, lease: Lease) -> PredictionTask:
    """Read what belongs to a claimed prediction."""
    row = find_prediction(work, lease.subject_id)
    network = find_network(work, row.network_id)
    return PredictionTask(lease, row, network, tuple(work.predictions.files(row.id)))


def settle_prediction(context: ServiceContext, task: PredictionTask, outputs: list[bytes], seconds: float) -> None:
    """Keep the answers and record the end; the inputs go. Safe to repeat: equal inputs give equal answers."""
    files = [
        PredictionFileRow(digest_bytes(data), OUTPUT, place, len(data), True) for place, data in enumerate(outputs)
    ]
    for file, data in zip(files, outputs, strict=True):
        _keep(context, task.prediction.id, file, data)
    with context.store.write() as work:
        work.work.check(task.lease)
        for file in files:
            work.predictions.add_file(task.prediction.id, file)
        _finish(work, task, Outcome.DONE, {"outputs": [file.digest for file in files]}, seconds=seconds)
    _forget_inputs(context, task)


def fail_prediction(context: ServiceContext, task: PredictionTask, reason: str) -> None:
    """Record that a prediction cannot be made; the inputs go."""
    with context.store.write() as work:
        work.work.check(task.lease)
        _finish(work, task, Outcome.FAILED, {"reason": reason}, failure=reason)
    _forget_inputs(context, task)


def _finish(
    work: UnitOfWork,
    task: PredictionTask,
    outcome: Outcome,
    details: dict[str, object],
    *,
    seconds: float | None = None,
    failure: str | None = None,
) -> None:
    row = work.predictions.lock(task.prediction.id)
    work.predictions.finish(row, seconds=seconds, failure=failure)
    work.work.finish(task.lease)
    draft = EntryDraft(
        action="prediction:run",
        actor=WORKER,
        tenant=row.tenant,
        outcome=outcome,
        object_id=row.id,
        details={"network": task.network.digest, "records": row.n_records, **details},
    )
    work.audit.append(draft)


def _keep(context: ServiceContext, prediction_id: str, file: PredictionFileRow, data: bytes) -> None:
    kept = context.blobs.offset(prediction_id, file.digest)
    if kept < file.bytes:  # a worker that died may have kept a part
        context.blobs.append(prediction_id, file.digest, kept, io.BytesIO(data[kept:]), file.bytes)
    context.blobs.finish(prediction_id, file.digest)


def _forget_inputs(context: ServiceContext, task: PredictionTask) -> None:
    for kind in (KEY, INPUT):
        for file in task.of_kind(kind):
            context.blobs.delete(task.prediction.id, file.digest)
