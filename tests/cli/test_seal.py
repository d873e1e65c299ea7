"""From files to a sealed package, as an owner does it."""

import base64
import csv
import json
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_ds.client.sealed_package import SealedPackage, open_package
from secure_ds.client.upload_key import load_upload_key
from secure_ds.data.sealed.container import OpenedRecords, open_container
from secure_ds.data.sealed.key import data_key_info
from secure_ds.data.sealing import unseal
from tests.cli.conftest import Shell
from tests.simulators.services import PUBLIC_KEYS

CUSTODIAN = ec.generate_private_key(ec.SECP256R1())
POINT = CUSTODIAN.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
OPTIONS = ("--out", "package", "--tenant", "acme", "--purpose", "research", "--epsilon", "4")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secure_ds: Shell) -> Path:
    """A directory of the owner's, who has pinned the keys of a service whose custodian is the test."""
    monkeypatch.setattr(
        "tests.simulators.services.PUBLIC_KEYS",
        PUBLIC_KEYS.model_copy(update={"sealing_key": base64.b64encode(POINT).decode()}),
    )
    assert secure_ds("trust", "pin").code == 0
    monkeypatch.chdir(tmp_path)
    return tmp_path


def opened(desk: Path, home: Path) -> tuple[SealedPackage, OpenedRecords]:
    package = open_package(desk / "package", load_upload_key(home / "upload_key.pem").public_key())
    assert isinstance(package, SealedPackage)
    found = package.descriptor
    info = data_key_info(found.dataset_id, found.records, found.n_rows, found.n_units, found.upload_key)
    data_key = unseal(package.sealed_key(), CUSTODIAN, info)
    return package, open_container(found, data_key, lambda part: package.path(part).read_bytes())


def test_images_in_an_archive_become_a_package(secure_ds: Shell, desk: Path, home: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 17, (30, 8, 8))
    np.savez(desk / "digits.npz", images=pixels, target=np.arange(30) % 10)
    members = ("--member", "images=image", "--member", "target=digit")
    sealed = secure_ds("dataset", "seal", "digits.npz", "--schema", "digits", *OPTIONS, *members, "--json")
    assert sealed.code == 0, sealed.err
    package, records = opened(desk, home)
    assert json.loads(sealed.out) == {
        "dataset_id": package.descriptor.dataset_id,
        "package": "package",
        "descriptor": package.descriptor.digest,
        "rows": 30,
        "units": 30,
        "bytes": package.descriptor.parts[0].bytes,
    }
    np.testing.assert_array_equal(records.inputs[:, 0], pixels)
    np.testing.assert_array_equal(records.targets, np.arange(30) % 10)


def test_a_table_is_sealed_by_user(secure_ds: Shell, desk: Path, home: Path) -> None:
    schema = {
        "kind": "table",
        "columns": [{"name": "age", "low": 0, "high": 100, "missing": 50}],
        "label": {"column": "ill", "classes": ["no", "yes"]},
    }
    (desk / "schema.json").write_text(json.dumps(schema))
    with (desk / "patients.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["age", "ill", "who"], ["20", "no", "ann"], ["", "yes", "bob"], ["70", "yes", "ann"]]
        )
    command = ("dataset", "seal", "patients.csv", "--schema", "schema.json", *OPTIONS, "--user", "who")
    assert secure_ds(*command, "--rows-per-user", "2").code == 0
    package, records = opened(desk, home)
    assert (package.descriptor.n_units, package.descriptor.rows_per_unit) == (2, 2)
    np.testing.assert_allclose(records.inputs[:, 0], [0.2, 0.5, 0.7])
    np.testing.assert_array_equal(records.units, [0, 1, 0])
    refused = secure_ds(*command, "--rows-per-user", "1", "--out", "other")
    assert refused.code != 0
    assert "row 2: its user has more than 1 rows" in refused.err
    assert "ann" not in refused.err
    assert secure_ds(*command).code != 0, "--user alone"


def test_a_text_file_is_cut_into_rows(secure_ds: Shell, desk: Path, home: Path) -> None:
    text = ("to be or not to be " * 40).encode()
    (desk / "plays.txt").write_bytes(text)
    assert secure_ds("dataset", "seal", "plays.txt", "--schema", "text", *OPTIONS).code == 0
    _, records = opened(desk, home)
    assert records.inputs.shape == (len(text) // 129, 128)
    assert bytes(records.inputs[1].astype(np.uint8)) == text[129:257]
    np.testing.assert_array_equal(records.targets[:, :-1], records.inputs[:, 1:])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--schema", "digits", "--epsilon", "0"), "epsilon"),
        (("--schema", "digits", "--member", "image"), "ARRAY=COLUMN"),
        (("--schema", "digits", "--user", "image", "--rows-per-user", "2"), "declared twice"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(
    secure_ds: Shell, desk: Path, changed: tuple[str, ...], said: str
) -> None:
    np.savez(desk / "digits.npz", image=np.zeros((3, 8, 8)), digit=np.zeros(3))
    refused = secure_ds("dataset", "seal", "digits.npz", *OPTIONS, *changed)
    assert refused.code != 0
    assert said in refused.err
    assert not (desk / "package" / "descriptor.json").exists()
