"""A sealed package holds what its descriptor lists, nothing in the clear; it opens only when finished and unchanged."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.client.errors import InvalidPackage
from secure_ds.client.owner import upload_package
from secure_ds.client.package import Package
from secure_ds.client.sealed_package import SealedDeclaration, SealedPackage, open_package, write_sealed_package
from secure_ds.data.errors import InvalidEnvelope, InvalidRecords
from secure_ds.data.records import Records
from secure_ds.data.sealed import container
from secure_ds.data.sealed.container import open_container
from secure_ds.data.sealed.descriptor import SealedLimits
from secure_ds.data.sealed.key import data_key_info
from secure_ds.data.sealed.schema import Schema
from secure_ds.data.sealing import unseal
from secure_ds.data.streaming import Batches
from tests.data.sealed.examples import example_records, example_schema

CUSTODIAN = ec.generate_private_key(ec.SECP256R1())
OWNER = Ed25519PrivateKey.generate()
N_ROWS = 50
LIMITS = SealedLimits(epsilon=4.0, delta=1e-5, purposes=("research",), orders=(2.0, 8.0))


def source(records: Records) -> Batches:
    return lambda size: records.batches(size)


def seal(directory: Path, schema: Schema, records: Records, **changes: Any) -> Any:
    declaration = SealedDeclaration("clinic", schema, LIMITS, **changes)
    return write_sealed_package(directory, source(records), declaration, CUSTODIAN.public_key(), OWNER)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "PART_BYTES", 300)


@pytest.mark.parametrize("users", [False, True])
@pytest.mark.parametrize("kind", ["table", "images", "tokens"])
def test_it_reads_back_as_signed_and_opens_for_the_custodian(
    tmp_path: Path, small_parts: None, kind: str, users: bool
) -> None:
    schema = example_schema(kind, users=users)
    records = example_records(schema, N_ROWS)
    written = seal(tmp_path / "package", schema, records)
    package = open_package(tmp_path / "package", OWNER.public_key())
    assert isinstance(package, SealedPackage)
    descriptor = package.descriptor
    assert descriptor == written
    assert (descriptor.n_rows, descriptor.tenant, descriptor.limits) == (N_ROWS, "clinic", LIMITS)
    assert len(descriptor.parts) > 1
    info = data_key_info(
        descriptor.dataset_id, descriptor.records, descriptor.n_rows, descriptor.n_units, descriptor.upload_key
    )
    data_key = unseal(package.sealed_key(), CUSTODIAN, info)
    opened = open_container(descriptor, data_key, lambda part: package.path(part).read_bytes())
    assert len(opened.inputs) == N_ROWS
    assert descriptor.n_units == len(set(opened.units.tolist())) == (17 if users else N_ROWS)


def test_no_record_nor_the_key_is_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = example_schema("table", users=True)
    records = example_records(schema, N_ROWS)
    keys: list[bytes] = []

    def remembered() -> bytes:
        keys.append(bytes(range(100, 132)))
        return keys[-1]

    monkeypatch.setattr("secure_ds.client.sealed_package.new_data_key", remembered)
    seal(tmp_path / "package", schema, records)
    age = float(records.column("age")[0])
    scaled = min(max(age, 0.0), 100.0) / 100.0
    traces = [struct.pack("<d", age), struct.pack("<f", scaled), b"user-", keys[0], keys[0].hex().encode()]
    files = [path for path in (tmp_path / "package").rglob("*") if path.is_file()]
    assert len(files) == 3
    for path in files:
        assert not any(trace in path.read_bytes() for trace in traces), path.name


def test_every_package_has_a_key_of_its_own(tmp_path: Path) -> None:
    schema = example_schema("tokens")
    records = example_records(schema, 5)
    first, second = (seal(tmp_path / name, schema, records) for name in "ab")
    assert first.dataset_id != second.dataset_id
    assert first.parts[0].digest != second.parts[0].digest


def test_it_is_unfinished_until_its_descriptor_is_there(tmp_path: Path) -> None:
    schema = example_schema("table", users=True)
    records = example_records(schema, 8)
    crowded = Records({**records.columns, "who": np.array(["one"] * 8)})
    with pytest.raises(InvalidRecords, match="more than 3 rows"):
        seal(tmp_path / "package", schema, crowded)
    with pytest.raises(InvalidPackage, match="unfinished"):
        open_package(tmp_path / "package", OWNER.public_key())
    with pytest.raises(InvalidPackage, match="must be empty"):
        seal(tmp_path / "package", schema, records)


def test_a_damaged_package_is_refused(tmp_path: Path) -> None:
    schema = example_schema("images")
    written = seal(tmp_path / "package", schema, example_records(schema, 8))
    package = open_package(tmp_path / "package", OWNER.public_key())
    with pytest.raises(InvalidEnvelope):
        open_package(tmp_path / "package", Ed25519PrivateKey.generate().public_key())
    (tmp_path / "package" / "sealed_key.bin").write_bytes(bytes(113))
    with pytest.raises(InvalidPackage, match="not the file"):
        package.sealed_key()
    package.path(written.parts[0]).write_bytes(b"short")
    with pytest.raises(InvalidPackage, match="bytes long"):
        open_package(tmp_path / "package", OWNER.public_key())


def test_a_package_of_one_kind_does_not_open_as_the_other(tmp_path: Path) -> None:
    schema = example_schema("images")
    seal(tmp_path / "package", schema, example_records(schema, 8))
    with pytest.raises(InvalidEnvelope):
        Package(tmp_path / "package", OWNER.public_key())


def test_it_reads_its_records_twice_and_a_batch_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_BATCH_ROWS", 7)
    schema = example_schema("table")
    records, read = example_records(schema, N_ROWS), []

    def watched(size: int) -> Iterator[Records]:
        read.append(size)
        yield from records.batches(size)

    declaration = SealedDeclaration("clinic", schema, LIMITS)
    write_sealed_package(tmp_path / "package", watched, declaration, CUSTODIAN.public_key(), OWNER)
    assert read == [7, 7]


def test_an_upload_sends_every_part(tmp_path: Path, small_parts: None) -> None:
    """Through the client's own calls, to a service that only listens."""
    schema = example_schema("images")
    seal(tmp_path / "package", schema, example_records(schema, N_ROWS))
    package = open_package(tmp_path / "package", OWNER.public_key())
    listener = Listener(package.descriptor.dataset_id)
    upload_package(listener, package, "scans", 2)  # type: ignore[arg-type]
    assert listener.sent == [part.digest for part in package.descriptor.parts]
    assert listener.finished


class View:
    """As much of a data set's view as an upload looks at."""

    state = "uploading"

    def __init__(self, dataset_id: str) -> None:
        self.id = dataset_id


class Listener:
    """A client that keeps what it is told."""

    def __init__(self, dataset_id: str) -> None:
        self._view, self.sent, self.finished = View(dataset_id), list[str](), False

    def register_dataset(self, body: Any, key: str) -> None:
        assert body.sealed_key is not None

    def dataset(self, dataset_id: str) -> View:
        return self._view

    def upload_blob(self, dataset_id: str, digest: str, path: Path, progress: Any) -> None:
        assert path.is_file()
        self.sent.append(digest)

    def finish_upload(self, dataset_id: str) -> View:
        self.finished = True
        return self._view
