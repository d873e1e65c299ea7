"""Collaborations are found by their members, and of a data set's consents the newest holds."""

from collections.abc import Callable

import pytest

from secure_ds.core.ids import new_id
from secure_ds.store.errors import AlreadyExists, UnknownCursor
from secure_ds.store.rows import ConsentRow, DatasetRow, JobRow
from secure_ds.store.unit_of_work import Store
from tests.store.samples import NOON, collaboration, dataset, job, model, user

Given = Callable[[str], DatasetRow]


def give(store: Store, dataset_id: str, collaboration_id: str, number: int, verdict: str) -> ConsentRow:
    row = ConsentRow(
        dataset_id=dataset_id,
        number=number,
        collaboration_id=collaboration_id,
        verdict=verdict,
        envelope=f"{verdict} {number}".encode(),
        created_at=NOON,
    )
    with store.write() as unit:
        unit.consents.add(row)
    return row


def two_owners(store: Store) -> tuple[str, DatasetRow, DatasetRow]:
    """A collaboration with a data set of each member."""
    ada, bob = user(), user(tenant="globex")
    called = collaboration(ada.id)
    with store.write() as unit:
        for person in (ada, bob):
            unit.users.add(person)
        unit.collaborations.add(called)
        rows = [
            dataset(person.id, tenant=person.tenant, collaboration_id=called.id, sealed_key=b"")
            for person in (ada, bob)
        ]
        for row in rows:
            unit.datasets.add(row)
    return called.id, rows[0], rows[1]


def test_every_member_finds_a_collaboration_and_nobody_else_does(store: Store) -> None:
    called, own, _ = two_owners(store)
    with store.read() as unit:
        for tenant in ("acme", "globex"):
            assert [row.id for row in unit.collaborations.list(tenant, None, 10)] == [called]
        assert unit.collaborations.list("initech", None, 10) == []
        with pytest.raises(UnknownCursor):
            unit.collaborations.list("initech", called, 10)
        found = unit.collaborations.get(called)
        assert found is not None and found.members == {"acme", "globex"}
        assert unit.datasets.get(own.id) == own


def test_the_newest_consent_holds(store: Store) -> None:
    called, first, second = two_owners(store)
    give(store, first.id, called, 1, "joined")
    withdrawn = give(store, first.id, called, 2, "withdrawn")
    joined = give(store, second.id, called, 1, "joined")
    with store.read() as unit:
        assert unit.consents.latest(first.id) == withdrawn
        assert unit.consents.latest(new_id("ds")) is None
        expected = sorted([withdrawn, joined], key=lambda row: row.dataset_id)
        assert list(unit.consents.of_collaboration(called)) == expected
        assert unit.consents.of_collaboration(new_id("collab")) == []
    with pytest.raises(AlreadyExists):
        give(store, first.id, called, 2, "joined")


def test_a_joint_job_and_its_model_belong_to_every_tenant_whose_data_is_in_them(store: Store) -> None:
    called, first, second = two_owners(store)
    row: JobRow = job(first.id, first.owner, collaboration_id=called)
    with store.write() as unit:
        unit.jobs.add(row, [first.id, second.id])
        unit.models.add(model(row.id, first.id))
    with store.read() as unit:
        assert [each.id for each in unit.jobs.datasets(row.id)] == sorted([first.id, second.id])
        for tenant in ("acme", "globex"):
            assert [each.id for each in unit.jobs.list(tenant, None, None, None, 10)] == [row.id]
            assert [each.job_id for each in unit.models.list(tenant, None, 10)] == [row.id]
        assert unit.jobs.list("initech", None, None, None, 10) == []
        assert [each.id for each in unit.jobs.list(None, None, second.id, None, 10)] == [row.id]
