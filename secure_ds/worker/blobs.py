"""Where the worker reads a data set's files: the service's blobs."""

from secure_ds.data.descriptor import DatasetDescriptor, FileReference
from secure_ds.services.context import ServiceContext
from secure_ds.training.encrypted.blocks import EncryptedBlocks


def stored_blocks(context: ServiceContext, descriptor: DatasetDescriptor) -> EncryptedBlocks:
    """The uploaded files of a data set."""

    def read(reference: FileReference) -> bytes:
        with context.blobs.open(descriptor.dataset_id, reference.digest) as stored:
            return stored.read()

    return EncryptedBlocks(descriptor, read)
