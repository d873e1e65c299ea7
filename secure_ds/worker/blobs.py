"""Where the worker reads a data set's files: the service's blobs."""

from secure_ds.data.descriptor import DatasetDescriptor, FileReference, KeyFile
from secure_ds.services.announced import rotation_key_of
from secure_ds.services.context import ServiceContext
from secure_ds.training.encrypted.blocks import EncryptedBlocks


def stored_blocks(context: ServiceContext, descriptor: DatasetDescriptor) -> EncryptedBlocks:
    """The uploaded files of a data set, and its rotation key if it has one; evaluation keys of a group lie with it."""
    rotation_key = _rotation_key(context, descriptor)

    def read(reference: FileReference) -> bytes:
        place = descriptor.dataset_id if reference == rotation_key else descriptor.files_of
        if descriptor.group is not None and isinstance(reference, KeyFile):
            place = descriptor.group.collaboration_id
        with context.blobs.open(place, reference.digest) as stored:
            return stored.read()

    return EncryptedBlocks(descriptor, read, rotation_key)


def _rotation_key(context: ServiceContext, descriptor: DatasetDescriptor) -> FileReference | None:
    with context.store.read() as work:
        row = rotation_key_of(work, descriptor.dataset_id)
    return None if row is None else FileReference(digest=row.digest, bytes=row.bytes)
