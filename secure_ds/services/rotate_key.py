"""Give a data set a successor with another secret key: same files, same budget, a new count of decryptions.

Rules kept here:
1. The custodian decides, by its own journal; here the same is required again, so that the service does not contradict.
2. In one transaction the parent is closed, the successor opened as ready, and the budget passed on with all that was
   spent. Nothing is reserved at that moment: a data set with jobs under way is not rotated.
3. No file is copied or uploaded: those of a line lie under its first data set (`DatasetDescriptor.files_of`), but for
   the rotation key, which the custodian made and which lies under the successor.
"""

import base64
import io
from dataclasses import replace

from policies.actions import Action
from secure_ds.ckks.key_files import ROTATION, check_key_file
from secure_ds.core.digest import digest_bytes
from secure_ds.core.principal import Caller
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.errors import InvalidDescriptor as NotASuccessor
from secure_ds.data.rotation import require_successor
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.privacy.errors import InvalidPrivacyParameter
from secure_ds.services.announced import announced_blobs
from secure_ds.services.context import CustodyUnavailable, ServiceContext
from secure_ds.services.errors import InvalidDescriptor, StateConflict
from secure_ds.services.facts import dataset_facts
from secure_ds.services.gate import Subject, decide, record
from secure_ds.services.lookups import find_dataset
from secure_ds.services.planning import ledger_limit
from secure_ds.store.rows import BlobRow, DatasetRow
from secure_ds.store.unit_of_work import UnitOfWork


def find_parent(
    context: ServiceContext, work: UnitOfWork, caller: Caller, descriptor: DatasetDescriptor, sensitivity: int
) -> DatasetRow | None:
    """Return the data set that a descriptor succeeds, if the caller may rotate its key; None when it succeeds none.

    Raises:
        NotFound, Denied: there is no such parent, or it is not the caller's, or not ready.
        InvalidDescriptor: the descriptor is not the parent's successor.
        StateConflict: jobs are under way.
    """
    if descriptor.rotation is None:
        return None
    parent = find_dataset(work, descriptor.rotation.parent)
    decide(context, caller, Action.DATASET_ROTATE, dataset_facts(parent))
    if parent.is_sealed:
        raise InvalidDescriptor("the parent is sealed and has no key to rotate", remedy="seal again with --parent")
    try:
        require_successor(descriptor, open_own_descriptor(parent.envelope))
    except NotASuccessor as error:
        raise InvalidDescriptor(str(error), remedy="make it with `secure-ds dataset rotate`") from error
    if sensitivity != parent.sensitivity:
        raise InvalidDescriptor(f"a successor is as sensitive as its parent, {parent.sensitivity}")
    _require_nothing_reserved(work, parent)
    return parent


def succeed_parent(
    context: ServiceContext,
    work: UnitOfWork,
    caller: Caller,
    parent: DatasetRow,
    row: DatasetRow,
    descriptor: DatasetDescriptor,
    rotation_key: str | None,
) -> DatasetRow:
    """Close the parent and open its successor; return it, ready for jobs.

    Raises:
        Denied: the parent is no longer ready.
        StateConflict: jobs were submitted meanwhile, or the budget is used up.
        CustodyUnavailable: the custodian did not hand out a rotation key of these parameters.
    """
    parent = find_dataset(work, parent.id)
    decision = decide(context, caller, Action.DATASET_ROTATE, dataset_facts(parent))
    _require_nothing_reserved(work, parent)
    key = _store_rotation_key(context, descriptor, rotation_key)
    ready = replace(row, state=DatasetState.READY)
    work.datasets.add(ready)
    work.blobs.expect(row.id, [*announced_blobs(descriptor, complete=True), key])
    try:
        work.ledger.open(row.id, ledger_limit(descriptor), work.ledger.budget(parent.id))
    except InvalidPrivacyParameter as error:
        raise StateConflict("the budget of these records is used up; a new key would answer nothing") from error
    work.datasets.move(parent.id, DatasetState.ROTATED)
    details = {"successor": row.id, "rotation_key": key.digest}
    record(work, caller, Action.DATASET_ROTATE, Subject(dataset_id=parent.id), decision, details=details)
    return ready


def _require_nothing_reserved(work: UnitOfWork, parent: DatasetRow) -> None:
    budget = work.ledger.budget(parent.id)
    if budget.reserved_units or budget.reserved_releases:
        raise StateConflict(
            "jobs on this data set are under way", remedy="wait for them or cancel them, then rotate again"
        )


def _store_rotation_key(context: ServiceContext, descriptor: DatasetDescriptor, rotation_key: str | None) -> BlobRow:
    """Keep the rotation key as a file of the successor's; again changes nothing."""
    if rotation_key is None:
        raise CustodyUnavailable("the custodian made no rotation key")
    data = base64.b64decode(rotation_key)
    check_key_file(ROTATION, data, descriptor.parameters)
    digest = digest_bytes(data)
    arrived = context.blobs.offset(descriptor.dataset_id, digest)
    if arrived < len(data):
        context.blobs.append(descriptor.dataset_id, digest, arrived, io.BytesIO(data[arrived:]), len(data))
    context.blobs.finish(descriptor.dataset_id, digest)
    return BlobRow(digest, ROTATION, None, None, len(data), complete=True)
