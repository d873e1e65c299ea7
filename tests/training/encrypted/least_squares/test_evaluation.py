"""Any number of processes computes the same ciphertexts, from files that are checked as they are read."""

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from secure_ds.ckks.profiles import STATISTICS
from secure_ds.client.package import Package, write_package
from secure_ds.data.descriptor import FileReference
from secure_ds.services.planning import descriptor_facts
from secure_ds.training.encrypted.blocks import BlobChanged, EncryptedBlocks
from secure_ds.training.encrypted.facts import JobFacts
from secure_ds.training.encrypted.least_squares.evaluation import LeastSquaresEvaluator
from secure_ds.training.encrypted.least_squares.plan import LeastSquaresPlan, make_least_squares_plan
from tests.installation import declaration, random_records
from tests.training.encrypted.examples import request

NOTHING = np.zeros(0)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Sixty encrypted records of four features."""
    directory, key = tmp_path_factory.mktemp("statistics") / "package", Ed25519PrivateKey.generate()
    custodian = ec.generate_private_key(ec.SECP256R1()).public_key()
    records = random_records()
    write_package(directory, records, declaration(records, profile=STATISTICS), custodian, key)
    return Package(directory, key.public_key())


def a_plan(package: Package) -> LeastSquaresPlan:
    facts = JobFacts.of(descriptor_facts(package.descriptor))
    return make_least_squares_plan(facts, request(algorithm=LeastSquaresPlan.algorithm))


def test_one_process_and_two_compute_the_same_bytes(package: Package) -> None:
    blocks = [EncryptedBlocks(package.descriptor, package.read)]
    alone = LeastSquaresEvaluator(a_plan(package), blocks)
    together = LeastSquaresEvaluator(a_plan(package), blocks, processes=2)
    assert alone.step(NOTHING) == together.step(NOTHING)
    assert together.timings["statistics"] > 0


@pytest.mark.parametrize("processes", [1, 2])
def test_a_changed_file_stops_the_evaluation(package: Package, processes: int) -> None:
    last = package.descriptor.blocks[0]

    def read(reference: FileReference) -> bytes:
        data = package.read(reference)
        return data[:-1] + bytes([data[-1] ^ 1]) if reference == last else data

    blocks = [EncryptedBlocks(package.descriptor, read)]
    with pytest.raises(BlobChanged):
        LeastSquaresEvaluator(a_plan(package), blocks, processes).step(NOTHING)
