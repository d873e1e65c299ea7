"""What an owner does with a package, interrupted and repeated."""

import base64
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import Profile
from secure_ds.client.client import Client
from secure_ds.client.errors import ServiceUnreachable, UntrustedService
from secure_ds.client.owner import sealing_key, upload_package, wait_until_checked
from secure_ds.client.package import Declaration, Package, write_package
from secure_ds.data.descriptor import Limits, PrivacyUnit
from secure_ds.data.feature_maps.declared_table import Bounds, DeclaredTable
from secure_ds.data.feature_maps.unit_ball import UnitBall
from secure_ds.data.records import Records
from tests.simulators.services import PUBLIC_KEYS, SimulatedService
from tests.simulators.wire import Saboteur, cut_body_after, lose_answer

OWNER = Ed25519PrivateKey.generate()
CUSTODIAN = ec.generate_private_key(ec.SECP256R1()).public_key()
DECLARATION = Declaration(
    tenant="acme",
    feature_map=DeclaredTable(columns=(Bounds(name="age", low=0.0, high=100.0),), unit_ball=UnitBall(radius=1.0)),
    label="sick",
    classes=("well", "sick"),
    limits=Limits(epsilon=1.0, delta=1e-5, purposes=("research",), max_decryptions=32),
    unit=PrivacyUnit(),
    profile=Profile("test-4096", Parameters.from_bits(4096, (26, 25, 25, 27)), 2.0**24, 2.0**-8, 40.0),
)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    directory: Path = tmp_path_factory.mktemp("package")
    records = Records({"age": np.linspace(1, 99, 20), "sick": np.arange(20) % 2})
    write_package(directory, records, DECLARATION, CUSTODIAN, OWNER)
    return Package(directory, OWNER.public_key())


def arrived(service: SimulatedService) -> list[bool]:
    return [len(content) == total for content, total in service.blobs.values()]


def test_package_arrives_whole(client: Client, service: SimulatedService, package: Package) -> None:
    seen: list[tuple[int, int]] = []
    view = upload_package(client, package, "wards", 1, lambda sent, total: seen.append((sent, total)))
    assert view.id == package.descriptor.dataset_id and view.state == "checking"
    assert all(arrived(service)) and len(arrived(service)) == len(list(package.blobs()))
    assert seen[-1][0] == seen[-1][1] == sum(blob.bytes for blob in package.blobs())
    assert [sent for sent, _ in seen] == sorted(sent for sent, _ in seen)


def test_interrupted_upload_goes_on_when_run_again(
    client: Client, service: SimulatedService, wire: Saboteur, package: Package
) -> None:
    wire.faults = [None, None, cut_body_after(1000), *[lose_answer] * 20]
    with pytest.raises(ServiceUnreachable):
        upload_package(client, package, "wards", 1)
    assert not all(arrived(service))
    wire.faults = []
    assert upload_package(client, package, "wards", 1).state == "checking"
    assert all(arrived(service)) and len(service.datasets) == 1


def test_wait_ends_with_the_check(client: Client, service: SimulatedService) -> None:
    view = service.add_dataset(b"blob")
    polls = []

    def check_after_three(seconds: float) -> None:
        polls.append(seconds)
        if len(polls) == 3:
            service.datasets[view.id] = view.model_copy(update={"state": "ready"})

    assert wait_until_checked(client, view.id, 60, check_after_three).state == "ready"
    assert len(polls) == 3


def test_wait_has_an_end(client: Client, service: SimulatedService) -> None:
    with pytest.raises(ServiceUnreachable, match="worker"):
        wait_until_checked(client, service.add_dataset(b"blob").id, 2, lambda seconds: None)


def test_sealing_key_is_the_pinned_point() -> None:
    point = CUSTODIAN.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    pinned = PUBLIC_KEYS.model_copy(update={"sealing_key": base64.b64encode(point).decode()})
    assert sealing_key(pinned) == CUSTODIAN


@pytest.mark.parametrize("text", ["", "BAAA", base64.b64encode(b"\x04" + b"\x01" * 64).decode()])
def test_what_is_no_point_is_not_sealed_to(text: str) -> None:
    with pytest.raises(UntrustedService):
        sealing_key(PUBLIC_KEYS.model_copy(update={"sealing_key": text}))
