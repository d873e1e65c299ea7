"""The sealed package: what leaves the owner's machine for sealed training, as a directory on that machine.

    descriptor.json   the descriptor in its signed envelope
    sealed_key.bin    the data key, sealed to the custodian
    blobs/<sha256>    every part of the container, by the digest the descriptor lists

It is written by the rules of `secure_ds.client.package`; records are read twice, to count them and to seal them, and
never more than a batch of them is in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from secure_ds.client.package import (
    BLOBS,
    DESCRIPTOR_FILE,
    SEALED_KEY_FILE,
    Package,
    Progress,
    blob_name,
    prepare_directory,
    read_file,
    require_length,
    verified_file,
    write_last,
)
from secure_ds.client.upload_key import public_key_text
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.data.descriptor import FileReference
from secure_ds.data.errors import InvalidRecords
from secure_ds.data.sealed.container import ContainerWriter, batch_rows
from secure_ds.data.sealed.descriptor import Parent, Part, SealedDescriptor, SealedLimits
from secure_ds.data.sealed.key import data_key_info, new_data_key
from secure_ds.data.sealed.schema import Schema
from secure_ds.data.sealed.signed import is_sealed, open_sealed_descriptor, sign_sealed_descriptor
from secure_ds.data.sealing import seal
from secure_ds.data.streaming import Batches, count_rows

PARTIAL: Final = "part.partial"


@dataclass(frozen=True)
class SealedDeclaration:
    """What the owner decides about a sealed data set.

    Attributes:
        tenant: the owner's organisation.
        schema: what the records are, and whose data neighbouring data sets differ in.
        limits: budget and purposes.
        parent: the data set that holds the same records already, and whose budget goes on here.
    """

    tenant: str
    schema: Schema
    limits: SealedLimits
    parent: Parent | None = None


def write_sealed_package(
    directory: Path,
    records: Batches,
    declaration: SealedDeclaration,
    custodian_key: ec.EllipticCurvePublicKey,
    upload_key: Ed25519PrivateKey,
    progress: Progress = lambda done, total: None,
) -> SealedDescriptor:
    """Seal records into a new package, under a fresh data key.

    Args:
        directory: must not exist, or be empty.
        records: reads the records from their beginning, in batches; called twice.
        declaration: the owner's decisions.
        custodian_key: P-256 key that the data key is sealed to.
        upload_key: signs the descriptor.
        progress: told about every part written.

    Raises:
        InvalidPackage: the directory is not empty.
        InvalidRecords: a cell or label cannot be used, or a user has too many rows.
        UnreadableFile: the file of the records is not what its name says.
        ValueError: the custodian's key is not on P-256.
    """
    schema = declaration.schema
    size = batch_rows(schema)
    n_rows = count_rows(records, size)
    if not n_rows:
        raise InvalidRecords("there are no rows to seal")
    prepare_directory(directory)
    (directory / BLOBS).mkdir()
    dataset_id, data_key, signer = new_id("ds"), new_data_key(), public_key_text(upload_key)
    writer = ContainerWriter(schema, dataset_id, data_key, n_rows)
    parts = []
    for part in writer.write(records(size), partial(_create, directory / BLOBS)):
        (directory / BLOBS / PARTIAL).rename(directory / BLOBS / blob_name(part.digest))
        parts.append(part)
        progress(len(parts), writer.n_parts)
    info = data_key_info(dataset_id, schema, n_rows, writer.n_units, signer)
    sealed = seal(data_key, custodian_key, info)
    descriptor = SealedDescriptor(
        dataset_id=dataset_id,
        tenant=declaration.tenant,
        limits=declaration.limits,
        records=schema,
        n_rows=n_rows,
        n_units=writer.n_units,
        parts=tuple(parts),
        sealed_key=FileReference(digest=digest_bytes(sealed), bytes=len(sealed)),
        upload_key=signer,
        parent=declaration.parent,
    )
    (directory / SEALED_KEY_FILE).write_bytes(sealed)
    write_last(directory / DESCRIPTOR_FILE, sign_sealed_descriptor(descriptor, upload_key))
    return descriptor


class SealedPackage:
    """A finished sealed package on disk; see `Package`."""

    def __init__(self, directory: Path, upload_key: Ed25519PublicKey) -> None:
        """Open a package whose descriptor `upload_key` signed.

        Raises:
            InvalidPackage: it is unfinished, or a file is missing or of another length.
            InvalidEnvelope, InvalidDescriptor: the descriptor is not the owner's or not valid.
        """
        self._directory = directory
        self.envelope = read_file(directory / DESCRIPTOR_FILE)
        self.descriptor = open_sealed_descriptor(self.envelope, upload_key)
        for part in self.blobs():
            require_length(self.path(part), part.bytes)

    def blobs(self) -> Iterator[Part]:
        """Yield every file to upload: the parts, in order."""
        yield from self.descriptor.parts

    def path(self, reference: FileReference) -> Path:
        """Return where a blob lies; its content is unverified."""
        return self._directory / BLOBS / blob_name(reference.digest)

    def sealed_key(self) -> bytes:
        """Return the sealed data key with its digest checked. Raises `InvalidPackage`: the content is another."""
        return verified_file(self._directory / SEALED_KEY_FILE, self.descriptor.sealed_key)


def open_package(directory: Path, upload_key: Ed25519PublicKey) -> Package | SealedPackage:
    """Return a finished package of either kind. Raises what their constructors do."""
    kind = SealedPackage if is_sealed(read_file(directory / DESCRIPTOR_FILE)) else Package
    return kind(directory, upload_key)


def _create(blobs: Path, _: int) -> BinaryIO:
    return (blobs / PARTIAL).open("wb")
