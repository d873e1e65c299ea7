"""A wrapping key per tenant, whatever the tenants are called; refusals filed where they can be found."""

from pathlib import Path

import pytest

from audit.query import EntryFilter
from policies.actions import Action
from policies.entities import Job, KeySet
from secure_ds.core.ids import new_id
from secure_ds.custodian.context import ask_policy
from secure_ds.custodian.errors import PolicyRefused
from secure_ds.custodian.keyring import Keyring
from tests.installation import ORIGIN, software_keystore
from tests.prepared import Prepared

TENANTS = ("clinic", "Clinic", "CLINIC", "a" * 63, "a" * 62 + "b", "A" * 63, "st.mary_s-2")


def test_tenants_that_differ_in_letters_or_late_have_keys_of_their_own(tmp_path: Path) -> None:
    keyring = Keyring(software_keystore(tmp_path / "keys.sdkf"), ORIGIN)
    before = len(keyring.describe())
    for tenant in TENANTS:
        assert keyring.unwrap_secret(keyring.wrap_secret(tenant, b"secret", b"context"), b"context") == b"secret"
    assert len(keyring.describe()) == before + len(TENANTS)


def test_a_refusal_is_filed_under_its_data_set_or_job(ready: Prepared) -> None:
    custodian, job_id = ready.installation.custodian, new_id("job")
    key = KeySet(id=ready.dataset_id, tenant="clinic", purposes=frozenset({"research"}), state="ready")
    job = Job(id=job_id, tenant="clinic", data_owners=frozenset({"alice"}), submitter="alice")
    for action, resource in ((Action.KEY_USE, key), (Action.JOB_CERTIFY, job)):
        with pytest.raises(PolicyRefused):
            ask_policy(custodian, action, resource, tenant="bank", purpose="research")
    with ready.installation.store.read() as work:
        by_dataset = list(work.audit.search(EntryFilter("clinic", dataset_id=ready.dataset_id, action="key:use")))
        by_job = list(work.audit.search(EntryFilter("clinic", job_id=job_id, action="job:certify")))
    assert [str(entry.read().draft.outcome) for entry in (*by_dataset, *by_job)] == ["denied", "denied"]
