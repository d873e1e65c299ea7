"""A package holds what its descriptor lists, nothing in the clear, and opens only when finished and unchanged."""

import struct

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from secure_ds.ckks.decryption import decrypt_slots
from secure_ds.ckks.input_files import SYMMETRIC_SEEDED, check_input_file
from secure_ds.ckks.key_files import check_key_file
from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import Profile
from secure_ds.ckks.secret_key import SecretKey
from secure_ds.ckks.slots import split
from secure_ds.client.errors import InvalidPackage
from secure_ds.client.package import Declaration, Package, design_matrix, write_package
from secure_ds.data.descriptor import Limits, PrivacyUnit
from secure_ds.data.errors import InvalidEnvelope, InvalidRecords
from secure_ds.data.feature_maps.declared_table import Bounds, DeclaredTable
from secure_ds.data.feature_maps.unit_ball import UnitBall
from secure_ds.data.records import Records
from secure_ds.data.sealing import sealing_info
from tests.ckks.plaintexts import expanded

SENTINEL = 123.456789012345
CUSTODIAN = ec.generate_private_key(ec.SECP256R1())
OWNER = Ed25519PrivateKey.generate()
N_RECORDS = 4100

DECLARATION = Declaration(
    tenant="clinic",
    feature_map=DeclaredTable(columns=(Bounds(name="age", low=0.0, high=200.0),), unit_ball=UnitBall(radius=2.0)),
    label="sick",
    classes=("well", "sick"),
    limits=Limits(epsilon=1.0, delta=1e-5, purposes=("research",), max_decryptions=32),
    unit=PrivacyUnit(),
    profile=Profile("test-4096", Parameters.from_bits(4096, (26, 25, 25, 27)), 2.0**24, 2.0**-8, 40.0),
)


def records():
    rng = np.random.default_rng(0)
    ages = rng.uniform(0, 200, N_RECORDS)
    ages[:9] = SENTINEL
    return Records({"age": ages, "sick": rng.integers(0, 2, N_RECORDS)})


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("package")
    steps = []
    write_package(directory, records(), DECLARATION, CUSTODIAN.public_key(), OWNER, lambda *step: steps.append(step))
    return directory, steps


def test_it_reads_back_as_signed(written):
    directory, _ = written
    package = Package(directory, OWNER.public_key())
    descriptor = package.descriptor
    assert (descriptor.n_records, descriptor.n_features, descriptor.n_blocks) == (N_RECORDS, 2, 2)
    assert descriptor.limits == DECLARATION.limits
    assert (descriptor.scale, descriptor.tolerance) == (2.0**24, 2.0**-8)
    assert descriptor.feature_map == DECLARATION.feature_map
    for key in descriptor.evaluation_keys:
        check_key_file(key.name, package.read(key), descriptor.parameters)


def test_the_custodian_can_decrypt_every_column(written):
    package = Package(written[0], OWNER.public_key())
    descriptor, parameters = package.descriptor, package.descriptor.parameters
    info = sealing_info(descriptor.dataset_id, parameters.digest, descriptor.upload_key)
    opened = Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM).decrypt(package.sealed_key(), CUSTODIAN, info=info)
    secret_key = SecretKey.from_bytes(opened)
    matrix = design_matrix(records(), DECLARATION)
    assert set(matrix[:, descriptor.label_columns[0]]) == {-0.5, 0.5}
    for entry in descriptor.blocks:
        data = package.read(entry)
        check_input_file(data, parameters, descriptor.scale, SYMMETRIC_SEEDED)
        full = expanded(parameters, data)
        slots = decrypt_slots(parameters, secret_key, full, level=parameters.top_level, scale=descriptor.scale)
        found = split(slots.conj() if entry.column in descriptor.label_columns else slots)
        part = matrix[entry.block * 4096 : (entry.block + 1) * 4096, entry.column]
        assert np.abs(found - np.pad(part, (0, 4096 - part.size))).max() < 1e-3


def test_norms_are_completed_to_one():
    matrix = design_matrix(records(), DECLARATION)
    assert np.abs((matrix[:, :3] ** 2).sum(axis=1) - 1).max() < 1e-12


def test_progress_counts_every_file(written):
    directory, steps = written
    assert steps == [(done, 13) for done in range(1, 14)]
    assert len(list((directory / "blobs").iterdir())) == 13


def test_no_record_is_written_in_any_encoding(written):
    scaled = design_matrix(records(), DECLARATION)[0, 0]
    codes = ("<2d", ">2d", "<2f", ">2f")  # of neighbours: one number on the grid has too few bits of its own
    traces = [struct.pack(code, value, value) for code in codes for value in (SENTINEL, scaled)]
    traces += [str(SENTINEL).encode()[:9], str(scaled).encode()[:9]]
    content = b"".join(path.read_bytes() for path in written[0].rglob("*") if path.is_file())
    assert not [trace for trace in traces if trace in content]


def test_a_used_directory_is_refused(written):
    with pytest.raises(InvalidPackage, match="must be empty"):
        write_package(written[0], records(), DECLARATION, CUSTODIAN.public_key(), OWNER)


def test_bad_records_leave_nothing_behind(tmp_path):
    bad = Records({"age": np.array([1.0, np.nan]), "sick": np.array([0, 1])})
    with pytest.raises(InvalidRecords, match="row 1, column 'age'"):
        write_package(tmp_path / "p", bad, DECLARATION, CUSTODIAN.public_key(), OWNER)
    assert not (tmp_path / "p").exists()


@pytest.fixture
def copied(written, tmp_path):
    copy = tmp_path / "copy"
    for path in written[0].rglob("*"):
        if path.is_file():
            target = copy / path.relative_to(written[0])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return copy


def test_another_owners_package_is_refused(copied):
    with pytest.raises(InvalidEnvelope):
        Package(copied, Ed25519PrivateKey.generate().public_key())


def test_an_unfinished_package_is_refused(copied):
    (copied / "descriptor.json").unlink()
    with pytest.raises(InvalidPackage, match="unfinished"):
        Package(copied, OWNER.public_key())


def test_a_missing_or_shortened_blob_is_refused(copied):
    blob = next((copied / "blobs").iterdir())
    blob.write_bytes(blob.read_bytes()[:-1])
    with pytest.raises(InvalidPackage, match="is missing or not"):
        Package(copied, OWNER.public_key())
    blob.unlink()
    with pytest.raises(InvalidPackage, match="is missing or not"):
        Package(copied, OWNER.public_key())


def test_changed_files_are_refused_when_read(copied):
    package = Package(copied, OWNER.public_key())
    reference = package.descriptor.blocks[0]
    changed = bytearray(package.path(reference).read_bytes())
    changed[-1] ^= 1
    package.path(reference).write_bytes(changed)
    with pytest.raises(InvalidPackage, match="not the file that the descriptor lists"):
        package.read(reference)
    (copied / "sealed_key.bin").write_bytes(b"other")
    with pytest.raises(InvalidPackage, match="not the file that the descriptor lists"):
        package.sealed_key()
