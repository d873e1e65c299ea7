"""The encrypted package: what leaves the owner's machine, as a directory on that machine.

    descriptor.json   the descriptor in its signed envelope
    sealed_key.bin    the CKKS secret key, sealed to the custodian; none where the key is a collaboration's
    blobs/<sha256>    every ciphertext and evaluation key, by the digest the descriptor lists

Rules kept here:

1. Neither a record nor the secret key is ever written: records are encrypted block by block in memory, the key is
   sealed there and wiped.
2. The descriptor is written last, by renaming: a directory without one is an unfinished package and is never opened.
3. A reader trusts digests, not names: a changed file is refused when it is read.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from secure_ds.ckks.encryption import encrypt_columns, n_blocks
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, Encryption
from secure_ds.ckks.key_files import KEY_NAMES
from secure_ds.ckks.keys import generate_key_files, generate_secret_key
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import Profile
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.statistics_plan import n_parts
from secure_ds.client.errors import InvalidPackage
from secure_ds.client.statistics_files import encrypted_statistics
from secure_ds.core.digest import digest_bytes
from secure_ds.core.ids import new_id
from secure_ds.data.descriptor import (
    RECORDS,
    STATISTICS,
    ColumnBlock,
    Content,
    DatasetDescriptor,
    FileReference,
    GroupReference,
    KeyFile,
    Limits,
    PrivacyUnit,
)
from secure_ds.data.feature_maps import FeatureMap
from secure_ds.data.feature_maps.unit_ball import slack
from secure_ds.data.records import FloatArray, Records, class_labels
from secure_ds.data.sealing import seal, sealing_info
from secure_ds.data.signed_descriptor import open_descriptor, sign_descriptor

DESCRIPTOR_FILE: Final = "descriptor.json"
SEALED_KEY_FILE: Final = "sealed_key.bin"
BLOBS: Final = "blobs"

Progress = Callable[[int, int], None]
"""Told (files written, files in all) after each file."""


@dataclass(frozen=True)
class Declaration:
    """What the owner decides about a data set.

    Attributes:
        tenant: the owner's organisation.
        feature_map: the public map from records to features.
        label: name of the column of labels 0, 1, ...
        classes: names of the classes, in the order of the labels.
        limits: budget, purposes and number of decryptions.
        unit: whose data neighbouring data sets differ in.
        profile: the CKKS profile.
    """

    tenant: str
    feature_map: FeatureMap
    label: str
    classes: tuple[str, ...]
    limits: Limits
    unit: PrivacyUnit
    profile: Profile


def design_matrix(records: Records, declaration: Declaration) -> FloatArray:
    """Return (n, d + 1 + label columns): features with the bias last, slack, and the label as `label_columns` makes it.

    Features lie on the grid on which sums of products are exact (`secure_ds.ckks.record_grid`).

    Raises:
        InvalidRecords: a cell or label cannot be used; the message names row and column.
    """
    features = declaration.feature_map.apply(records)
    labels = class_labels(records, declaration.label, len(declaration.classes))
    return np.column_stack([features, slack(features), label_columns(labels, len(declaration.classes))])


def label_columns(labels: npt.NDArray[np.int64], n_classes: int) -> FloatArray:
    """Return the encrypted form of labels 0 to c - 1: y - 1/2 as (n, 1) for two classes, [y = k] - 1/c as (n, c) else.

    Every record's row has squared norm 1/4, or 1 - 1/c: what the upload check verifies.
    """
    if n_classes == 2:
        return labels.astype(np.float64).reshape(-1, 1) - 0.5
    one_hot: FloatArray = np.equal(labels[:, None], np.arange(n_classes)).astype(np.float64)
    return one_hot - 1.0 / n_classes


def write_package(
    directory: Path,
    records: Records,
    declaration: Declaration,
    custodian_key: ec.EllipticCurvePublicKey,
    upload_key: Ed25519PrivateKey,
    progress: Progress = lambda done, total: None,
    results_key: str | None = None,
    content: Content = RECORDS,
) -> DatasetDescriptor:
    """Encrypt records into a new package, with fresh CKKS keys.

    Args:
        directory: must not exist, or be empty.
        records: in the clear, in memory.
        declaration: the owner's decisions.
        custodian_key: P-256 key that the CKKS secret key is sealed to.
        upload_key: signs the descriptor.
        progress: told about every file written.
        results_key: the owner's key for results without noise (`own_statistics`), a point in hexadecimal; None: none.
        content: what is encrypted, the records themselves, or their exact statistics (least squares alone).

    Raises:
        InvalidPackage: the directory is not empty.
        InvalidRecords: a cell or label cannot be used.
        ValueError: the custodian's key is not on P-256.
    """
    matrix = design_matrix(records, declaration)
    prepare_directory(directory)
    parameters, dataset_id = declaration.profile.parameters, new_id("ds")
    blobs = BlobWriter(directory / BLOBS, _n_files(declaration, content, len(records)), progress)
    with generate_secret_key(parameters) as secret_key:
        info = sealing_info(dataset_id, parameters.digest, upload_key.public_key().public_bytes_raw().hex())
        sealed = seal(secret_key.to_bytes(), custodian_key, info)
        keys: tuple[KeyFile, ...] = ()
        if content == STATISTICS:
            blocks = _write_statistics(blobs, declaration, secret_key, matrix)
        else:
            keys = _write_keys(blobs, parameters, secret_key)
            blocks = write_columns(blobs, declaration, secret_key, matrix)
    descriptor = describe(
        declaration,
        upload_key,
        dataset_id=dataset_id,
        n_records=len(records),
        encryption=SYMMETRIC_SEEDED,
        sealed_key=FileReference(digest=digest_bytes(sealed), bytes=len(sealed)),
        group=None,
        evaluation_keys=keys,
        blocks=blocks,
        results_key=results_key,
        content=content,
    )
    (directory / SEALED_KEY_FILE).write_bytes(sealed)
    write_last(directory / DESCRIPTOR_FILE, sign_descriptor(descriptor, upload_key))
    return descriptor


def describe(
    declaration: Declaration,
    upload_key: Ed25519PrivateKey,
    *,
    dataset_id: str,
    n_records: int,
    encryption: Encryption,
    sealed_key: FileReference | None,
    group: GroupReference | None,
    evaluation_keys: tuple[KeyFile, ...],
    blocks: tuple[ColumnBlock, ...],
    results_key: str | None = None,
    content: Content = RECORDS,
) -> DatasetDescriptor:
    """Put the owner's decisions and what was written for them together, to be signed."""
    return DatasetDescriptor(
        dataset_id=dataset_id,
        tenant=declaration.tenant,
        unit=declaration.unit,
        limits=declaration.limits,
        content=content,
        n_records=n_records,
        n_features=declaration.feature_map.n_features,
        feature_map=declaration.feature_map,
        classes=declaration.classes,
        parameters=declaration.profile.parameters,
        encryption=encryption,
        input_scale=declaration.profile.input_scale.hex(),
        eta=declaration.profile.eta.hex(),
        upload_key=upload_key.public_key().public_bytes_raw().hex(),
        results_key=results_key,
        sealed_key=sealed_key,
        group=group,
        evaluation_keys=evaluation_keys,
        blocks=blocks,
        rotation=None,
    )


class Package:
    """A finished package on disk."""

    def __init__(self, directory: Path, upload_key: Ed25519PublicKey) -> None:
        """Open a package whose descriptor `upload_key` signed.

        Raises:
            InvalidPackage: it is unfinished, or a file is missing or of another length.
            InvalidEnvelope, InvalidDescriptor: the descriptor is not the owner's or not valid.
        """
        self._directory = directory
        self.envelope = read_file(directory / DESCRIPTOR_FILE)
        self.descriptor = open_descriptor(self.envelope, upload_key)
        for reference in self.blobs():
            require_length(self.path(reference), reference.bytes)

    def blobs(self) -> Iterator[FileReference]:
        """Yield every file to upload: evaluation keys of its own, then ciphertexts in the descriptor's order."""
        if self.descriptor.group is None:
            yield from self.descriptor.evaluation_keys
        yield from self.descriptor.blocks

    def path(self, reference: FileReference) -> Path:
        """Return where a blob lies; its content is unverified."""
        return self._directory / BLOBS / blob_name(reference.digest)

    def read(self, reference: FileReference) -> bytes:
        """Return a blob with its digest checked.

        Raises:
            InvalidPackage: the content is another.
        """
        return verified_file(self.path(reference), reference)

    def sealed_key(self) -> bytes | None:
        """Return the sealed CKKS secret key with its digest checked; None where the key is a collaboration's.

        Raises:
            InvalidPackage: the content is another.
        """
        reference = self.descriptor.sealed_key
        return None if reference is None else verified_file(self._directory / SEALED_KEY_FILE, reference)


class BlobWriter:
    """Writes files under their digests and reports how far it is."""

    def __init__(self, directory: Path, total: int, progress: Progress) -> None:
        self._directory, self._total, self._progress, self._done = directory, total, progress, 0
        directory.mkdir()

    def write(self, data: bytes) -> tuple[str, int]:
        """Write one file; return its digest and length."""
        digest = digest_bytes(data)
        (self._directory / blob_name(digest)).write_bytes(data)
        self._done += 1
        self._progress(self._done, self._total)
        return digest, len(data)


def _write_keys(blobs: BlobWriter, parameters: Parameters, secret_key: SecretKey) -> tuple[KeyFile, ...]:
    keys = []
    for name, data in generate_key_files(parameters, secret_key):
        digest, size = blobs.write(data)
        keys.append(KeyFile(name=name, digest=digest, bytes=size))
    return tuple(keys)


def write_columns(
    blobs: BlobWriter, declaration: Declaration, key: SecretKey | bytes, matrix: FloatArray
) -> tuple[ColumnBlock, ...]:
    """Encrypt and write a matrix, block by block, and return the references.

    Args:
        key: the owner's secret key, or a group's public one that has been checked.
        matrix: what `design_matrix` returned.
    """
    profile, blocks = declaration.profile, []
    n_labels = matrix.shape[1] - declaration.feature_map.n_features - 1
    for column, block, data in encrypt_columns(profile.parameters, key, matrix, profile.input_scale, n_labels):
        digest, size = blobs.write(data)
        blocks.append(ColumnBlock(column=column, block=block, digest=digest, bytes=size))
    return tuple(blocks)


def _write_statistics(
    blobs: BlobWriter, declaration: Declaration, secret_key: SecretKey, matrix: FloatArray
) -> tuple[ColumnBlock, ...]:
    blocks = []
    shape = declaration.feature_map.n_features, len(declaration.classes)
    for column, block, data in encrypted_statistics(declaration.profile, secret_key, matrix, *shape):
        digest, size = blobs.write(data)
        blocks.append(ColumnBlock(column=column, block=block, digest=digest, bytes=size))
    return tuple(blocks)


def _n_files(declaration: Declaration, content: Content, n_records: int) -> int:
    """How many files a package of that content has."""
    parameters, features, classes = (
        declaration.profile.parameters,
        declaration.feature_map.n_features,
        len(declaration.classes),
    )
    if content == STATISTICS:
        return n_parts(parameters, features, classes)
    columns = features + 1 + (1 if classes == 2 else classes)
    return len(KEY_NAMES) + columns * n_blocks(parameters, n_records)


def blob_name(digest: str) -> str:
    """Return the name of the file with this digest."""
    return digest.removeprefix("sha256:")


def prepare_directory(directory: Path) -> None:
    """Make a directory for a package. Raises `InvalidPackage`: it is not empty."""
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise InvalidPackage(f"{directory.name}: the directory for a new package must be empty")


def write_last(path: Path, data: bytes) -> None:
    """Write the file that makes a directory a finished package, in one step."""
    partial = path.with_suffix(".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def read_file(path: Path) -> bytes:
    """Return a file of a package. Raises `InvalidPackage`: it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        raise InvalidPackage(f"{path.name} cannot be read; the package is unfinished or damaged") from None


def verified_file(path: Path, reference: FileReference) -> bytes:
    """Return a file with its digest checked. Raises `InvalidPackage`: the content is another."""
    data = read_file(path)
    if digest_bytes(data) != reference.digest:
        raise InvalidPackage(f"{path.name} is not the file that the descriptor lists")
    return data


def require_length(path: Path, expected: int) -> None:
    """Refuse a file that is missing or of another length, in bytes. Raises `InvalidPackage`."""
    if not path.is_file() or path.stat().st_size != expected:
        raise InvalidPackage(f"{path.name} is missing or not {expected} bytes long; write the package again")
