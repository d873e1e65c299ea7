"""From a table of records to a data set at the service, as an owner does it."""

import base64
import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secure_ds.ckks.parameters import Parameters
from secure_ds.ckks.profiles import PROFILES, Profile
from secure_ds.wire.datasets import Refusal
from tests.cli.conftest import Shell
from tests.simulators.services import PUBLIC_KEYS, SimulatedService

SENTINEL = 47.123456789
MAP = {
    "map": "declared_table",
    "version": 1,
    "columns": [{"name": "age", "low": 0, "high": 100}],
    "unit_ball": {"radius": 1.0, "bias": 1.0},
}
POINT = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with records, a feature map, and a profile that is quick and not safe."""
    monkeypatch.setitem(
        PROFILES,
        "fast-8192",
        Profile("fast-8192", Parameters.from_bits(4096, (26, 25, 25, 27)), 2.0**24, 2.0**-8, 40.0),
    )
    monkeypatch.setattr(
        "tests.simulators.services.PUBLIC_KEYS",
        PUBLIC_KEYS.model_copy(update={"sealing_key": base64.b64encode(POINT).decode()}),
    )
    rows = [["age", "kind"], *([SENTINEL + index, "ill" if index % 2 else "well"] for index in range(20))]
    with (tmp_path / "patients.csv").open("w", newline="") as file:
        csv.writer(file).writerows([*rows, [30.0, "unknown"]])
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    monkeypatch.chdir(tmp_path)
    return tmp_path


DESCRIBE = (
    *("dataset", "describe", "patients.csv", "--out", "patients.json", "--tenant", "acme", "--map", "map.json"),
    *("--label", "kind", "--classes", "well,ill", "--purpose", "research", "--purpose", "audit", "--epsilon", "2"),
    *("--profile", "fast-8192"),
)
ENCRYPT = ("dataset", "encrypt", "patients.csv", "--declaration", "patients.json", "--out", "package")


def test_records_become_a_data_set(secure_ds: Shell, service: SimulatedService, desk: Path, home: Path) -> None:
    assert secure_ds(*DESCRIBE).code == 0
    assert secure_ds("trust", "pin").code == 0
    encrypted = secure_ds(*ENCRYPT, "--json")
    assert encrypted.code == 0, encrypted.err
    dataset_id = json.loads(encrypted.out)["dataset_id"]
    uploaded = secure_ds("dataset", "upload", "package", "--name", "patients", "--json")
    assert uploaded.code == 0, uploaded.err
    assert json.loads(uploaded.out)["id"] == dataset_id
    assert service.datasets[dataset_id].state == "checking"
    assert all(len(content) == total for content, total in service.blobs.values())
    assert (home / "upload_key.pem").exists()
    assert secure_ds("dataset", "upload", "package", "--name", "patients").code == 0, "a repetition changes nothing"


def test_no_record_is_in_a_file(secure_ds: Shell, desk: Path) -> None:
    for command in (DESCRIBE, ("trust", "pin"), ENCRYPT):
        assert secure_ds(*command).code == 0
    traces = [str(SENTINEL).encode(), struct.pack("<d", SENTINEL), struct.pack(">d", SENTINEL)]
    written = [desk / "patients.json", *(path for path in (desk / "package").rglob("*") if path.is_file())]
    assert len(written) > 4
    for path in written:
        assert not any(trace in path.read_bytes() for trace in traces)


def test_declaration_says_what_was_decided(secure_ds: Shell, desk: Path) -> None:
    outcome = secure_ds(*DESCRIBE)
    assert "20" in outcome.out
    written = json.loads((desk / "patients.json").read_text())
    assert written["format"] == "secure-ds/declaration/2"
    assert written["limits"] == {
        "epsilon": 2.0,
        "delta": 1e-5,
        "purposes": ["audit", "research"],
        "max_decryptions": 32,
        "dual_evaluation_required": False,
    }
    assert written["classes"] == ["well", "ill"]


def test_an_owner_may_demand_dual_evaluation(secure_ds: Shell, desk: Path) -> None:
    assert secure_ds(*DESCRIBE, "--dual-evaluation").code == 0
    assert json.loads((desk / "patients.json").read_text())["limits"]["dual_evaluation_required"] is True


def test_arrays_are_read_as_declared(secure_ds: Shell, desk: Path) -> None:
    np.savez(desk / "patients.npz", x=np.linspace(1, 99, 10), y=np.arange(10) % 2)
    arguments = list(DESCRIBE)
    arguments[2] = "patients.npz"
    del arguments[arguments.index("--classes") : arguments.index("--classes") + 2]
    assert secure_ds(*arguments, "--member", "x=age", "--member", "y=kind").code == 0


@pytest.mark.parametrize(
    ("option", "value", "code"),
    [
        ("--epsilon", "-1", "invalid_declaration"),
        ("--purpose", "No Purpose", "invalid_declaration"),
        ("--tenant", "", "invalid_declaration"),
        ("--classes", "well", "invalid_declaration"),
        ("--classes", "well,ill,absent", "invalid_records"),
        ("--label", "age", "invalid_records"),
        ("--map", "breast_cancer", "invalid_records"),
        ("--map", "patients.csv", "invalid_descriptor"),
    ],
)
def test_decision_that_cannot_be_is_refused(secure_ds: Shell, desk: Path, option: str, value: str, code: str) -> None:
    outcome = secure_ds(*DESCRIBE, option, value)
    assert outcome.code == 1 and outcome.err.startswith(f"error {code}:"), outcome.err
    assert not (desk / "patients.json").exists()


@pytest.mark.parametrize(("option", "value"), [("--member", "x"), ("--profile", "none")])
def test_malformed_options_are_refused(secure_ds: Shell, desk: Path, option: str, value: str) -> None:
    assert secure_ds(*DESCRIBE, option, value).code == 2


@pytest.mark.parametrize("content", ["", "{}", '{"format":"secure-ds/declaration/3"}', "[]"])
def test_damaged_declaration_is_refused(secure_ds: Shell, desk: Path, content: str) -> None:
    assert secure_ds("trust", "pin").code == 0
    (desk / "patients.json").write_text(content)
    assert secure_ds(*ENCRYPT).err.startswith("error invalid_declaration:")


def test_nothing_is_encrypted_to_unpinned_keys(secure_ds: Shell, desk: Path) -> None:
    assert secure_ds(*DESCRIBE).code == 0
    assert secure_ds(*ENCRYPT).err.startswith("error untrusted_service:")
    assert not (desk / "package").exists()


def test_nothing_is_sent_to_a_service_with_other_keys(
    secure_ds: Shell, service: SimulatedService, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (DESCRIBE, ("trust", "pin"), ENCRYPT):
        assert secure_ds(*command).code == 0
    monkeypatch.setattr("tests.simulators.services.PUBLIC_KEYS", PUBLIC_KEYS)
    outcome = secure_ds("dataset", "upload", "package", "--name", "patients")
    assert outcome.err.startswith("error untrusted_service:")
    assert service.datasets == {} and service.blobs == {}


def test_refused_data_set_is_a_failure(
    secure_ds: Shell, service: SimulatedService, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (DESCRIBE, ("trust", "pin"), ENCRYPT, ("dataset", "upload", "package", "--name", "patients")):
        assert secure_ds(*command).code == 0
    (dataset_id,) = service.datasets
    refusal = Refusal(code="norm_check_failed", detail="a record is longer than 1")
    changes = {"state": "refused", "refusal": refusal}
    service.datasets[dataset_id] = service.datasets[dataset_id].model_copy(update=changes)
    outcome = secure_ds("dataset", "upload", "package", "--name", "patients", "--wait", "5")
    assert outcome.code == 1 and "a record is longer than 1." in outcome.err
