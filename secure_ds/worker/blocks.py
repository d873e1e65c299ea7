"""A data set's ciphertexts, read block by block, as the evaluators want them.

Every file was checked byte for byte when it arrived; its digest is compared again here, because the disk is not trusted
to be the one that was written to.
"""

from collections.abc import Iterator

from secure_ds.ckks.engine import Engine
from secure_ds.core.digest import digest_bytes
from secure_ds.data.descriptor import DatasetDescriptor, FileReference
from secure_ds.store.blobs import Blobs, DigestMismatch


class StoredDataset:
    """One data set's files."""

    def __init__(self, blobs: Blobs, descriptor: DatasetDescriptor) -> None:
        self._blobs = blobs
        self.descriptor = descriptor
        self._by_place = {(entry.column, entry.block): entry for entry in descriptor.blocks}

    def engine(self) -> Engine:
        """Load the evaluation keys."""
        keys = {key.name: self._read(key) for key in self.descriptor.evaluation_keys}
        return Engine(self.descriptor.parameters, keys)

    def features(self, block: int) -> Iterator[bytes]:
        """Yield the feature columns of a block, in order."""
        for column in range(self.descriptor.n_features):
            yield self._read(self._by_place[column, block])

    def features_and_slack(self, block: int) -> Iterator[bytes]:
        """Yield the feature columns and the slack of a block."""
        yield from self.features(block)
        yield self._read(self._by_place[self.descriptor.slack_column, block])

    def label(self, block: int) -> bytes:
        """Return the label column of a block."""
        return self._read(self._by_place[self.descriptor.label_column, block])

    def _read(self, reference: FileReference) -> bytes:
        with self._blobs.open(self.descriptor.dataset_id, reference.digest) as stored:
            data = stored.read()
        if digest_bytes(data) != reference.digest:
            raise DigestMismatch("a stored blob is no longer what its owner signed for")
        return data
