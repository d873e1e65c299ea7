"""The files of a data set, as rows: those that its descriptor announces, and the rotation key of a successor."""

from secure_ds.ckks.key_files import ROTATION
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.signed import CIPHERTEXT_KIND
from secure_ds.store.rows import BlobRow
from secure_ds.store.unit_of_work import UnitOfWork


def announced_blobs(descriptor: DatasetDescriptor, *, complete: bool = False) -> list[BlobRow]:
    """Return a row for every evaluation key and ciphertext; `complete` says that they have arrived before."""
    own_keys = () if descriptor.group else descriptor.evaluation_keys  # a group's are with the collaboration
    keys = [BlobRow(key.digest, key.name, None, None, key.bytes, complete) for key in own_keys]
    blocks = [
        BlobRow(entry.digest, CIPHERTEXT_KIND, entry.column, entry.block, entry.bytes, complete)
        for entry in descriptor.blocks
    ]
    return keys + blocks


def rotation_key_of(work: UnitOfWork, dataset_id: str) -> BlobRow | None:
    """Return the rotation key of a data set that succeeds another one."""
    return next((row for row in work.blobs.list(dataset_id) if row.kind == ROTATION), None)
