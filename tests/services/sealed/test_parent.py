"""Records that are sealed again, or after they were encrypted: one budget for all of their life."""

from pathlib import Path

import pytest

from secure_ds.data.records import Records
from secure_ds.data.sealed.descriptor import Parent
from secure_ds.privacy.renyi import DEFAULT_ORDERS, gaussian_cost
from secure_ds.services.errors import InvalidDescriptor, ServiceError, StateConflict
from tests.installation import random_records
from tests.sealed_jobs import sealed_owner


def test_a_successor_goes_on_with_what_was_spent(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    first = owner.ready()
    assert owner.finished(owner.submit(first.dataset_id, steps=4)).state == "succeeded"
    services = owner.installation.services
    spent = services.show_budget(owner.caller, first.dataset_id).renyi
    second = owner.ready(parent=Parent(dataset_id=first.dataset_id, descriptor_digest=first.digest))
    now = services.show_budget(owner.caller, second.dataset_id).renyi
    assert spent is not None and now is not None and now.spent == spent.spent and any(now.spent)
    assert services.show_dataset(owner.caller, first.dataset_id).state == "rotated"
    with pytest.raises(ServiceError):
        owner.submit(first.dataset_id, steps=1)
    assert owner.finished(owner.submit(second.dataset_id, steps=2)).state == "succeeded"


def test_nothing_is_taken_over_from_under_a_job(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    first = owner.ready()
    job = owner.submit(first.dataset_id, steps=4)
    package = owner.package(parent=Parent(dataset_id=first.dataset_id, descriptor_digest=first.digest))
    with pytest.raises((StateConflict, InvalidDescriptor)):
        owner.register(package)
    assert owner.installation.services.show_dataset(owner.caller, first.dataset_id).state == "ready"
    assert owner.finished(job).state == "succeeded"  # nor has the custodian closed it


def test_what_encrypted_jobs_spent_counts_for_sealed_ones(tmp_path: Path) -> None:
    owner = sealed_owner(tmp_path)
    installation = owner.installation
    package = installation.encrypt(tmp_path / "package", _records(), owner.upload_key, epsilon=8.0)
    installation.register(owner.caller, package, tmp_path / "package")
    installation.upload(owner.caller, package)
    installation.services.finish_upload(owner.caller, package.descriptor.dataset_id)
    installation.run()
    encrypted = package.descriptor
    assert owner.finished(installation.submit(owner.caller, encrypted.dataset_id, radius=4.0, steps=1)).state == (
        "succeeded"
    )
    with installation.store.read() as work:
        units = work.ledger.budget(encrypted.dataset_id).spent_units
    parent = Parent(dataset_id=encrypted.dataset_id, descriptor_digest=encrypted.digest)
    sealed = owner.ready(parent=parent)
    with installation.store.read() as work:
        assert work.renyi_ledger.budget(sealed.dataset_id).spent == gaussian_cost(units, DEFAULT_ORDERS)
    assert units > 0


def _records() -> Records:
    return random_records()
