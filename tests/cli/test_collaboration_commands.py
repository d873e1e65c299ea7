"""Two owners and an engineer train together from their command lines, against the real service."""

import csv
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from sqlalchemy import update
from werkzeug.serving import make_server

from api.app import create_app
from api.settings import ApiSettings
from secure_ds.core.principal import Role
from secure_ds.services.authenticate import issue_token
from secure_ds.store.engine import make_engine
from secure_ds.store.rows import UserRow
from secure_ds.store.tables import collaborations
from tests.cli.conftest import Outcome, Quiet, Shell
from tests.installation import Installation

MAP = {
    "map": "declared_table",
    "version": 1,
    "columns": [{"name": name, "low": -1.0, "high": 1.0} for name in ("x0", "x1")],
    "unit_ball": {"radius": 1.0, "bias": 0.5},
}
TERMS = ("--max-records", "100", "--max-decryptions", "8", "--profile", "fast-8192", "--classes", "0,1")
SETTINGS = ("--radius", "4", "--steps", "2", "--learning-rate", "4.5")
Desk = Callable[..., Any]


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, f"sqlite:///{tmp_path}/service.db")


@pytest.fixture
def served(installation: Installation) -> Iterator[str]:
    app = create_app(installation.services, ApiSettings())
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    with structlog.testing.capture_logs():
        yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def desk(shell: Shell, served: str, installation: Installation, monkeypatch: pytest.MonkeyPatch, home: Path) -> Desk:
    """Runs a command as somebody of a tenant, and returns the JSON it printed."""
    monkeypatch.setenv("SECURE_DS_URL", served)

    def run(name: str, *arguments: str, code: int = 0) -> Any:
        tenant, role = name.split("/")
        user = UserRow(name.replace("/", "-"), tenant, name, frozenset({role}), frozenset({"research"}), 3)
        monkeypatch.setenv("SECURE_DS_TOKEN", issue_token(installation.store, user, timedelta(hours=1)).text)
        outcome: Outcome = shell(*arguments, "--json")
        assert outcome.code == code, outcome.err
        return json.loads(outcome.out) if outcome.out else outcome.err

    run(f"north/{Role.DATA_OWNER}", "trust", "pin")
    return run


def records(path: Path, seed: int) -> str:
    """A table with a signal: the label follows the sign of the first column."""
    X = np.random.default_rng(seed).uniform(-1, 1, (40, 2))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["x0", "x1", "label"], *([*row, int(row[0] > 0)] for row in X.tolist())])
    return str(path)


def takes_part(desk: Desk, installation: Installation, tmp_path: Path, tenant: str, collaboration: str) -> str:
    """Describe, encrypt, upload and consent; return the data set's id. Each owner has an upload key of its own."""
    owner, package = f"{tenant}/{Role.DATA_OWNER}", str(tmp_path / f"{tenant}.package")
    table, declared = records(tmp_path / f"{tenant}.csv", len(tenant)), str(tmp_path / f"{tenant}.json")
    key = ("--upload-key", str(tmp_path / f"{tenant}.pem"))
    described = ("--tenant", tenant, "--map", str(tmp_path / "map.json"), "--label", "label", "--purpose", "research")
    limits = ("--epsilon", "4", "--max-decryptions", "8", "--profile", "fast-8192")
    desk(owner, "dataset", "describe", table, "--out", declared, *described, *limits)
    encrypted = ("dataset", "encrypt", table, "--declaration", declared, "--out", package, *key)
    dataset_id: str = desk(owner, *encrypted, "--collaboration", collaboration)["dataset_id"]
    desk(owner, "dataset", "upload", package, "--name", tenant, *key)
    installation.run()
    assert desk(owner, "collaboration", "join", dataset_id, *key)["verdict"] == "joined"
    return dataset_id


def call_for(desk: Desk, tmp_path: Path) -> str:
    """Each member tells its key, and north's owner calls for a collaboration."""
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    members = []
    for tenant in ("north", "south"):
        owner, key = f"{tenant}/{Role.DATA_OWNER}", ("--upload-key", str(tmp_path / f"{tenant}.pem"))
        members += ["--member", f"{tenant}={desk(owner, 'collaboration', 'key', *key)['upload_key']}"]
    asked = (*members, "--purpose", "research", "--map", str(tmp_path / "map.json"), *TERMS)
    called: str = desk(f"north/{Role.DATA_OWNER}", "collaboration", "create", "wards", *asked)["id"]
    return called


def test_two_owners_train_together_and_one_leaves(desk: Desk, installation: Installation, tmp_path: Path) -> None:
    engineer, officer = (f"north/{role}" for role in (Role.ML_ENGINEER, Role.COMPLIANCE_OFFICER))
    called = call_for(desk, tmp_path)
    ids = [takes_part(desk, installation, tmp_path, tenant, called) for tenant in ("north", "south")]
    assert [each["id"] for each in desk(engineer, "collaboration", "ls")] == [called]
    shown = desk(engineer, "collaboration", "show", called)
    assert {(part["dataset_id"], part["consent"]) for part in shown["data_sets"]} == {(each, "joined") for each in ids}

    asked = ("--collaboration", called, "--purpose", "research", "--epsilon", "1", *SETTINGS)
    assert desk(engineer, "job", "quote", *asked)["admissible"]
    job = desk(engineer, "job", "submit", *asked)
    installation.run()
    done = desk(engineer, "job", "show", job["id"])
    assert (done["state"], done["dataset_ids"]) == ("succeeded", sorted(ids)), done["failure"]
    desk(engineer, "model", "download", done["model_id"], "--out", str(tmp_path / "model"))
    assert all(check["passed"] for check in desk(engineer, "model", "verify", str(tmp_path / "model")))
    rechecked = desk(officer, "job", "recheck", job["id"], "--package", str(tmp_path / "south.package"))
    assert [step["agrees"] for step in rechecked] == [True, True]
    refused = desk(officer, "job", "recheck", job["id"], code=1)
    assert "not_found" in refused  # the other member's files come from the other member alone

    key = ("--upload-key", str(tmp_path / "south.pem"))
    desk(f"south/{Role.DATA_OWNER}", "collaboration", "withdraw", ids[1], *key)
    assert "consent_missing" in desk(engineer, "job", "submit", *asked, *("--dataset", ids[1]), code=1)
    desk(engineer, "job", "submit", *asked, "--dataset", ids[0])


@pytest.mark.parametrize("names", [(), ("ds_" + "a" * 26, "--collaboration", "collab_" + "a" * 26)])
def test_a_job_is_on_a_data_set_or_on_a_collaboration(shell: Shell, names: tuple[str, ...]) -> None:
    outcome = shell("job", "quote", *names, "--purpose", "research", "--epsilon", "1", "--url", "http://127.0.0.1:1")
    assert outcome.code == 2 and "collaboration" in outcome.err


def test_an_owner_sees_the_members_keys_and_takes_part_with_its_own_alone(
    desk: Desk, shell: Shell, installation: Installation, tmp_path: Path
) -> None:
    called = call_for(desk, tmp_path)
    key = desk(f"south/{Role.DATA_OWNER}", "collaboration", "key", "--upload-key", str(tmp_path / "south.pem"))
    shown = shell("collaboration", "show", called)
    assert f"south: {key['upload_key']}" in shown.err
    (tmp_path / "south.pem").rename(tmp_path / "kept.pem")
    with pytest.raises(AssertionError, match="key_not_listed"):
        takes_part(desk, installation, tmp_path, "south", called)
    assert not (tmp_path / "south.package").exists()


def test_a_member_without_its_key_is_no_member(shell: Shell) -> None:
    asked = ("--member", "north", "--purpose", "research", "--map", "breast_cancer", "--url", "http://127.0.0.1:1")
    outcome = shell("collaboration", "create", "wards", *asked)
    assert outcome.code == 2 and "collaboration key" in outcome.err


def test_nothing_is_encrypted_under_a_key_that_the_custodian_did_not_vouch_for(
    desk: Desk, installation: Installation, tmp_path: Path
) -> None:
    owner = f"north/{Role.DATA_OWNER}"
    called = call_for(desk, tmp_path)
    with installation.store.read() as work:
        row = work.collaborations.get(called)
    assert row is not None
    forged = json.loads(row.envelope)
    forged["signatures"][0]["sig"] = "AAAA"
    _overwrite(installation, called, json.dumps(forged).encode())
    assert "untrusted_service" in desk(owner, "collaboration", "show", called, code=1)
    with pytest.raises(AssertionError, match="untrusted_service"):
        takes_part(desk, installation, tmp_path, "north", called)
    assert not (tmp_path / "north.package").exists()


def _overwrite(installation: Installation, collaboration_id: str, envelope: bytes) -> None:
    """What whoever writes the service's database can do."""
    with make_engine(installation.database_url).begin() as connection:
        chosen = collaborations.c.id == collaboration_id
        connection.execute(update(collaborations).where(chosen).values(envelope=envelope))
