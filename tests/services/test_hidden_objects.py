"""What another tenant owns does not exist: not in the answer, and not in the asking tenant's own log."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit.query import EntryFilter
from secure_ds.core.ids import new_id
from secure_ds.core.principal import Role
from secure_ds.services.errors import NotFound
from tests.installation import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")


def seen_by(installation: Installation, tenant: str | None) -> list[dict[str, Any]]:
    with installation.store.read() as work:
        return [json.loads(entry.data) for entry in work.audit.search(EntryFilter(tenant))]


def test_a_hidden_object_and_a_missing_one_leave_the_same_trace(installation: Installation) -> None:
    owner, eve = installation.caller("alice"), installation.caller("eve", Role.DATA_OWNER, tenant="bank")
    existing, missing = installation.ready_dataset(owner).dataset_id, new_id("ds")
    for dataset_id in (existing, missing):
        with pytest.raises(NotFound):
            installation.services.show_dataset(eve, dataset_id)
    hidden, absent = reversed(seen_by(installation, "bank"))
    varying = {"index", "time", "salt", "object_id"}
    assert {k: v for k, v in hidden.items() if k not in varying} == {
        k: v for k, v in absent.items() if k not in varying
    }
    assert (hidden["object_id"], absent["object_id"]) == (existing, missing)
    assert "clinic" not in json.dumps(seen_by(installation, "bank"))


def test_the_service_itself_keeps_the_refusal_with_its_grounds(installation: Installation) -> None:
    owner, eve = installation.caller("alice"), installation.caller("eve", Role.DATA_OWNER, tenant="bank")
    dataset_id = installation.ready_dataset(owner).dataset_id
    with pytest.raises(NotFound):
        installation.services.show_budget(eve, dataset_id)
    kept = [entry for entry in seen_by(installation, None) if entry["tenant"] is None and entry["outcome"] == "denied"]
    assert [entry["dataset_id"] for entry in kept] == [dataset_id]
    assert kept[0]["decision"]["policies"] == ["other-tenant"]


def test_keys_of_other_tenants_are_not_listed(installation: Installation) -> None:
    for tenant in ("clinic", "Clinic"):
        installation.custodian.keyring.wrap_secret(tenant, b"secret", b"context")
    officer = installation.caller("sofia", Role.SECURITY_OFFICER)
    shown = {key.label for key in installation.services.list_keys(officer).items}
    assert shown == {"sealing", "certificates", "grants", "checkpoints", "wrap/clinic"}
