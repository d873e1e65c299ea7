"""Take in a data set's blobs, piece by piece, and close the upload.

A blob is taken only if the owner's signed descriptor announces its digest and size. When its last byte has arrived it
is checked against both and then, without the homomorphic library, against every field and residue that library would
read.
"""

from collections.abc import Iterator
from typing import BinaryIO

from policies.actions import Action
from secure_ds.ckks.key_files import ROTATION
from secure_ds.core.principal import Caller
from secure_ds.data.signed import check_blob, open_own_descriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.services.arrivals import append, finish
from secure_ds.services.context import ServiceContext
from secure_ds.services.errors import (
    BlobTooLarge,
    NotFound,
    StateConflict,
)
from secure_ds.services.facts import dataset_facts
from secure_ds.services.gate import Subject, decide, permit, record, verb
from secure_ds.services.lookups import find_dataset
from secure_ds.services.views import dataset_view
from secure_ds.store.rows import BlobRow, DatasetRow
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.datasets import BlobStatus, DatasetView

CHUNK = 1 << 20  # bytes


@verb(Action.DATASET_UPLOAD)
def blob_status(context: ServiceContext, caller: Caller, dataset_id: str, digest: str) -> BlobStatus:
    """Tell how much of a blob has arrived, so that an interrupted upload can go on from there."""
    with context.store.write() as work:
        row = find_dataset(work, dataset_id)
        subject = Subject(dataset_id=row.id, object_id=digest)
        permit(context, work, caller, Action.DATASET_READ, dataset_facts(row), subject)
        return _status(context, row, _find_blob(work, row, digest))


@verb(Action.DATASET_UPLOAD)
def upload_blob(
    context: ServiceContext,
    caller: Caller,
    dataset_id: str,
    digest: str,
    offset: int,
    stream: BinaryIO,
    length: int | None = None,
) -> BlobStatus:
    """Append bytes to a blob; with the last of them, check it.

    Args:
        offset: where in the blob the first byte of `stream` belongs; must equal what has arrived.
        length: number of bytes announced, if known; checked before reading.

    Raises:
        NotFound: no such data set, or it announces no such blob.
        UploadOffsetMismatch: `offset` is not where the stored part ends.
        BlobTooLarge: more bytes than the descriptor announces.
        BlobDigestMismatch: the whole blob is not what the owner signed; the stored part is thrown away.
        MalformedBlob: it is what the owner signed, but no ciphertext or key of these parameters.
    """
    with context.store.read() as work:
        row = find_dataset(work, dataset_id)
        decision = decide(context, caller, Action.DATASET_UPLOAD, dataset_facts(row))
        blob = _find_blob(work, row, digest)
    if blob.complete:
        return _status(context, row, blob)
    _require_room(context, blob, offset, length)
    arrived = append(context, row.id, blob, offset, stream)
    complete = arrived == blob.bytes
    if complete:
        _finish(context, row, blob)
    with context.store.write() as work:
        if complete:
            work.blobs.complete(row.id, digest)
        subject = Subject(dataset_id=row.id, object_id=digest)
        details = {"offset": offset, "arrived": arrived, "total": blob.bytes}
        record(work, caller, Action.DATASET_UPLOAD, subject, decision, details=details)
    return BlobStatus(digest=digest, offset=arrived, total=blob.bytes, complete=complete)


@verb(Action.DATASET_DOWNLOAD)
def download_blob(context: ServiceContext, caller: Caller, dataset_id: str, digest: str) -> Iterator[bytes]:
    """Return a blob's bytes, in pieces: ciphertexts and public keys, for whoever may recheck a job."""
    with context.store.write() as work:
        row = find_dataset(work, dataset_id)
        subject = Subject(dataset_id=row.id, object_id=digest)
        permit(context, work, caller, Action.DATASET_DOWNLOAD, dataset_facts(row), subject)
        blob = _find_blob(work, row, digest)
    if not blob.complete:
        raise NotFound("this blob has not arrived yet")
    is_own = row.is_sealed or blob.kind == ROTATION
    place = row.id if is_own else open_own_descriptor(row.envelope).files_of
    return pieces(context.blobs.open(place, digest))


@verb(Action.DATASET_UPLOAD)
def finish_upload(context: ServiceContext, caller: Caller, dataset_id: str) -> DatasetView:
    """Close the upload and queue the norm check.

    Raises:
        StateConflict: blobs are missing; the facts name how many and the first of them.
    """
    with context.store.write() as work:
        row = find_dataset(work, dataset_id)
        decision = decide(context, caller, Action.DATASET_UPLOAD, dataset_facts(row))
        missing = work.blobs.missing(row.id)
        if missing:
            raise StateConflict(
                f"{len(missing)} blobs have not arrived, among them {missing[0].kind} {missing[0].digest}",
                remedy="run `secure-ds dataset upload` again; it continues where it stopped",
                facts={"missing": len(missing)},
            )
        row = work.datasets.move(row.id, DatasetState.CHECKING)
        if row.is_sealed:  # nothing but digests could be checked, and was
            row = work.datasets.move(row.id, DatasetState.READY)
        else:
            work.work.enqueue("check_dataset", row.id)
        subject = Subject(dataset_id=row.id)
        record(work, caller, "dataset:finish", subject, decision, details={"descriptor": row.descriptor_digest})
        return dataset_view(work, row)


def _find_blob(work: UnitOfWork, row: DatasetRow, digest: str) -> BlobRow:
    blob = work.blobs.get(row.id, digest)
    if blob is None:
        raise NotFound("the data set's descriptor announces no blob with this digest")
    return blob


def _status(context: ServiceContext, row: DatasetRow, blob: BlobRow) -> BlobStatus:
    arrived = blob.bytes if blob.complete else context.blobs.offset(row.id, blob.digest)
    return BlobStatus(digest=blob.digest, offset=arrived, total=blob.bytes, complete=blob.complete)


def _require_room(context: ServiceContext, blob: BlobRow, offset: int, length: int | None) -> None:
    announced = offset + (length or 0)
    if announced > blob.bytes or blob.bytes > context.max_blob_bytes:
        raise BlobTooLarge(f"this blob has {blob.bytes} bytes by its descriptor; {announced} were announced")


def _finish(context: ServiceContext, row: DatasetRow, blob: BlobRow) -> None:
    if row.is_sealed:
        return finish(context, row.id, blob, lambda _: None)
    descriptor = open_own_descriptor(row.envelope)
    finish(context, row.id, blob, lambda data: check_blob(data, descriptor, blob.kind))


def pieces(stored: BinaryIO) -> Iterator[bytes]:
    """Yield an open file's bytes, and close it."""
    """Yield what is stored, piece by piece, and close it."""
    with stored:
        while piece := stored.read(CHUNK):
            yield piece
