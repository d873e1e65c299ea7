"""A repeated request gets the first answer, if the policies still say yes, and leaves an entry of its own."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from audit.query import EntryFilter
from secure_ds.core.principal import Caller, Role
from secure_ds.services.errors import AccessDenied, IdempotencyConflict
from secure_ds.wire.jobs import JobSubmit, JobView
from tests.installation import PURPOSE, Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, f"sqlite:///{tmp_path}/test.db")


def submit(installation: Installation, caller: Caller, dataset_id: str, epsilon: float = 1.0) -> JobView:
    body = JobSubmit(dataset_id=dataset_id, purpose=PURPOSE, epsilon=epsilon, delta=1e-5, steps=2, radius=4.0)
    return installation.services.submit_job(caller, body, "once")


def entries(installation: Installation, action: str) -> list[dict[str, Any]]:
    with installation.store.read() as work:
        found = work.audit.search(EntryFilter("clinic", action=action))
        return [dict(entry.read().draft.details) for entry in found]


def test_a_repeated_submission_is_one_job_and_two_entries(installation: Installation) -> None:
    owner = installation.caller("alice")
    dataset_id = installation.ready_dataset(owner).dataset_id
    first, again = (submit(installation, owner, dataset_id) for _ in range(2))
    assert first == again
    assert len(entries(installation, "job:admit")) == 1
    assert entries(installation, "job:submit") == [{"repeated": True}]
    with pytest.raises(IdempotencyConflict):
        submit(installation, owner, dataset_id, epsilon=0.5)


def test_who_lost_the_role_does_not_get_the_answer_again(installation: Installation) -> None:
    owner = installation.caller("alice")
    dataset_id = installation.ready_dataset(owner).dataset_id
    submit(installation, owner, dataset_id)
    demoted = replace(owner, principal=replace(owner.principal, roles=frozenset({Role.OPERATOR})))
    with pytest.raises(AccessDenied):
        submit(installation, demoted, dataset_id)
