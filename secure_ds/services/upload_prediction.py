"""Take in a prediction's files, and hand out its answers.

A file is taken only if the request announces its digest; its length and every word of its header follow from the plan,
and are checked with every residue before the homomorphic library sees a byte.
"""

from collections.abc import Iterator
from typing import BinaryIO

from policies.actions import Action
from secure_ds.ckks.format import check_relin_keys, check_seeded_ciphertext
from secure_ds.ckks.network_planner import choices_from_json
from secure_ds.core.principal import Caller
from secure_ds.jobs.prediction import KEY, OUTPUT, PredictionState
from secure_ds.services.arrivals import append, finish
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import (
    BlobTooLarge,
    NotFound,
    StateConflict,
)
from secure_ds.services.facts import prediction_facts
from secure_ds.services.gate import Subject, decide, permit, record, verb
from secure_ds.services.lookups import find_prediction
from secure_ds.services.upload import pieces
from secure_ds.store.rows import PredictionFileRow, PredictionRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.datasets import BlobStatus


@verb(Action.PREDICTION_UPLOAD)
def prediction_file_status(context: ServiceContext, caller: Caller, prediction_id: str, digest: str) -> BlobStatus:
    """Tell how much of a file has arrived."""
    with context.store.write() as work:
        row, file = _find(work, prediction_id, digest)
        subject = Subject(object_id=row.id)
        permit(context, work, caller, Action.PREDICTION_UPLOAD, prediction_facts(row), subject, file=digest)
    return _status(context, row, file)


@verb(Action.PREDICTION_UPLOAD)
def upload_prediction_file(
    context: ServiceContext,
    caller: Caller,
    prediction_id: str,
    digest: str,
    offset: int,
    stream: BinaryIO,
    length: int | None = None,
) -> BlobStatus:
    """Append bytes to a file; with its last byte check it, and with the last file queue the prediction.

    Raises:
        NotFound: no such prediction, or it announces no such file.
        StateConflict: the prediction is not being uploaded any more.
        UploadOffsetMismatch: `offset` is not where the stored part ends.
        BlobTooLarge: more bytes than the plan gives the file.
        BlobDigestMismatch: it is not what was announced; the stored part is thrown away.
        MalformedBlob: it is what was announced, but no ciphertext or key of this plan.
    """
    with context.store.read() as work:
        row, file = _find(work, prediction_id, digest)
        decision = decide(context, caller, Action.PREDICTION_UPLOAD, prediction_facts(row))
    _require_announced(file)
    if file.complete:
        return _status(context, row, file)
    if row.state != PredictionState.UPLOADING:
        raise StateConflict(f"this prediction is {row.state}; it takes no more files", remedy="ask for another one")
    if offset + (length or 0) > file.bytes or file.bytes > context.max_blob_bytes:
        raise BlobTooLarge(f"this file has {file.bytes} bytes by its plan; {offset + (length or 0)} were announced")
    arrived = append(context, row.id, file, offset, stream)
    if arrived == file.bytes:
        _check(context, row, file)
    with context.store.write() as work:
        queued = arrived == file.bytes and _completed(work, row, digest)
        details = {"file": digest, "offset": offset, "arrived": arrived, "total": file.bytes, "queued": queued}
        record(work, caller, Action.PREDICTION_UPLOAD, Subject(object_id=row.id), decision, details=details)
    return BlobStatus(digest=digest, offset=arrived, total=file.bytes, complete=arrived == file.bytes)


@verb(Action.PREDICTION_READ)
def download_prediction_file(
    context: ServiceContext, caller: Caller, prediction_id: str, digest: str
) -> Iterator[bytes]:
    """Return an answer's bytes, in pieces: a ciphertext under the key of whoever asked."""
    with context.store.write() as work:
        row, file = _find(work, prediction_id, digest)
        subject = Subject(object_id=row.id)
        permit(context, work, caller, Action.PREDICTION_READ, prediction_facts(row), subject, file=digest)
    if file.kind != OUTPUT:
        raise NotFound("only answers are handed out, and this file is no answer")
    return pieces(context.blobs.open(row.id, file.digest))


def _find(work: UnitOfWork, prediction_id: str, digest: str) -> tuple[PredictionRow, PredictionFileRow]:
    row = find_prediction(work, prediction_id)
    for file in work.predictions.files(row.id):
        if file.digest == digest:
            return row, file
    return row, PredictionFileRow(digest, "", 0, 0)


def _completed(work: UnitOfWork, row: PredictionRow, digest: str) -> bool:
    """Record a file's arrival; queue the prediction if it was the last one."""
    locked = work.predictions.lock(row.id)
    work.predictions.complete(row.id, digest)
    if any(not file.complete for file in work.predictions.files(row.id)):
        return False
    if locked.state == PredictionState.UPLOADING:
        work.predictions.queue(locked)
        work.work.enqueue("predict", row.id)
    return True


def _status(context: ServiceContext, row: PredictionRow, file: PredictionFileRow) -> BlobStatus:
    _require_announced(file)
    arrived = file.bytes if file.complete else context.blobs.offset(row.id, file.digest)
    return BlobStatus(digest=file.digest, offset=arrived, total=file.bytes, complete=file.complete)


def _require_announced(file: PredictionFileRow) -> None:
    if not file.kind:
        raise NotFound("the prediction announces no file with this digest")


def _check(context: ServiceContext, row: PredictionRow, file: PredictionFileRow) -> None:
    choices = choices_from_json(row.plan)
    parameters = choices.parameters

    def check(data: bytes) -> None:
        if file.kind == KEY:
            check_relin_keys(data, parameters)
        else:
            check_seeded_ciphertext(data, parameters, parameters.top_level, 2.0**choices.input_bits)

    finish(context, row.id, file, check)
