"""`secure-ds dataset rotate`: what is written, what is sent, and that it may be interrupted."""

import base64
import json
from pathlib import Path

import pytest

from secure_ds.data.descriptor import parse_descriptor
from tests.cli.conftest import Shell
from tests.cli.test_owner_commands import DESCRIBE, ENCRYPT, desk  # noqa: F401  a fixture
from tests.simulators.services import SimulatedService

pytestmark = pytest.mark.usefixtures("desk")


@pytest.fixture
def parent(secure_ds: Shell) -> str:
    """A data set that was uploaded."""
    for command in (DESCRIBE, ("trust", "pin"), ENCRYPT, ("dataset", "upload", "package", "--name", "patients")):
        outcome = secure_ds(*command)
        assert outcome.code == 0, outcome.err
    (envelope,) = (json.loads(Path("package/descriptor.json").read_text()),)
    return str(json.loads(base64.b64decode(envelope["payload"]))["dataset_id"])


def rotate(secure_ds: Shell, parent: str, out: str = "rotation"):
    return secure_ds("dataset", "rotate", parent, "--max-decryptions", "7", "--out", out, "--json")


def written(directory: str = "rotation"):
    envelope = json.loads((Path(directory) / "descriptor.json").read_text())
    return parse_descriptor(base64.b64decode(envelope["payload"]))


def test_a_successor_is_written_and_registered(secure_ds: Shell, service: SimulatedService, parent: str) -> None:
    outcome = rotate(secure_ds, parent)
    assert outcome.code == 0, outcome.err
    child = written()
    assert json.loads(outcome.out)["id"] == child.dataset_id != parent
    assert child.dataset_id in service.datasets
    assert child.rotation is not None
    assert (child.rotation.parent, child.limits.max_decryptions, child.prior_decryptions) == (parent, 7, 32)
    assert sorted(path.name for path in Path("rotation").iterdir()) == ["descriptor.json", "sealed_key.bin"]


def test_an_interrupted_rotation_is_sent_again_not_made_again(
    secure_ds: Shell, service: SimulatedService, parent: str
) -> None:
    assert rotate(secure_ds, parent).code == 0
    before, sets = written(), set(service.datasets)
    assert rotate(secure_ds, parent).code == 0
    assert written() == before
    assert set(service.datasets) == sets


def test_a_package_is_not_a_rotation(secure_ds: Shell, parent: str) -> None:
    outcome = rotate(secure_ds, parent, out="package")
    assert (outcome.code, "dataset upload" in outcome.err) == (1, True)


def test_another_owners_key_cannot_rotate(secure_ds: Shell, parent: str, home: Path) -> None:
    (home / "upload_key.pem").unlink()
    assert secure_ds(*ENCRYPT[:-1], "other").code == 0  # makes another key
    outcome = rotate(secure_ds, parent)
    assert outcome.code == 1
    assert not Path("rotation/descriptor.json").exists()
