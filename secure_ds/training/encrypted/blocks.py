"""A data set's files as the evaluators want them: keys at once, columns block by block.

Wherever the files lie (the service's blobs, the owner's package, a download), each is compared with the digest its
owner signed before the homomorphic library sees a byte, and so is one that was checked in full when it was uploaded.
"""

from collections.abc import Callable, Iterator

from secure_ds.ckks.engine import Engine
from secure_ds.ckks.rotation import Rotation
from secure_ds.core.digest import digest_bytes
from secure_ds.data.descriptor import STATISTICS, DatasetDescriptor, FileReference
from secure_ds.data.errors import DataError


class BlobChanged(DataError):
    """A file is no longer what the data's owner signed for."""

    code = "blob_changed"


class EncryptedBlocks:
    """One data set's files, through whatever reads them."""

    def __init__(
        self,
        descriptor: DatasetDescriptor,
        read: Callable[[FileReference], bytes],
        rotation_key: FileReference | None = None,
    ) -> None:
        """Take the descriptor, what reads its files, and the rotation key of a data set that succeeds another one."""
        self.descriptor = descriptor
        self._source = read
        self._rotation_key = rotation_key
        self._by_place = {(entry.column, entry.block): entry for entry in descriptor.blocks}

    def engine(self) -> Engine:
        """Load the evaluation keys. Raises `BlobChanged`."""
        return Engine(self.descriptor.parameters, self.evaluation_keys())

    def evaluation_keys(self) -> dict[str, bytes]:
        """Return the evaluation keys by name. Raises `BlobChanged`."""
        return {key.name: self.read(key) for key in self.descriptor.evaluation_keys}

    def rotation(self) -> Rotation | None:
        """Load what moves answers to the key that decrypts; None where that is the key of the files.

        The custodian made it; whoever swaps it makes answers that decrypt to noise.

        Raises:
            BlobChanged: it is not what it was, or was not named although the key was rotated.
        """
        if (self.descriptor.rotation is None) != (self._rotation_key is None):
            raise BlobChanged("a data set has a rotation key exactly when it succeeds another one")
        if self._rotation_key is None:
            return None
        return Rotation(self.descriptor.parameters, self.read(self._rotation_key))

    def features(self, block: int) -> Iterator[bytes]:
        """Yield the feature columns of a block, in order. Raises `BlobChanged`."""
        for column in range(self.descriptor.n_features):
            yield self.read(self._by_place[column, block])

    def features_and_slack(self, block: int) -> Iterator[bytes]:
        """Yield the feature columns and the slack of a block. Raises `BlobChanged`."""
        yield from self.features(block)
        yield self.read(self._by_place[self.descriptor.slack_column, block])

    def labels(self, block: int) -> list[bytes]:
        """Return the label columns of a block, in order. Raises `BlobChanged`."""
        return [self.read(self._by_place[column, block]) for column in self.descriptor.label_columns]

    def column(self, number: int) -> list[bytes]:
        """Return all blocks of one column. Raises `BlobChanged`."""
        blocks = 1 if self.descriptor.content == STATISTICS else self.descriptor.n_blocks
        return [self.read(self._by_place[number, block]) for block in range(blocks)]

    def read(self, reference: FileReference) -> bytes:
        """Return a file with its digest checked. Raises `BlobChanged`."""
        data = self._source(reference)
        if digest_bytes(data) != reference.digest:
            raise BlobChanged("a stored file is no longer what its owner signed for")
        return data
