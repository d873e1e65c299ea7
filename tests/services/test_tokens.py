"""Tokens speak for the user who was named, and the log says for whom."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit.query import EntryFilter
from secure_ds.core.clock import SystemClock
from secure_ds.services.authenticate import issue_token
from secure_ds.services.errors import UserDiffers
from secure_ds.store.engine import make_engine
from secure_ds.store.migrate import upgrade
from secure_ds.store.rows import UserRow
from secure_ds.store.unit_of_work import Store

ALICE = UserRow("alice", "clinic", "alice", frozenset({"data_owner"}), frozenset({"research"}), 2)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    engine = make_engine(f"sqlite:///{tmp_path}/test.db")
    upgrade(engine)
    return Store(engine, SystemClock())


def issued(store: Store) -> int:
    with store.read() as work:
        return len(list(work.audit.search(EntryFilter(None, action="token:issue"))))


@pytest.mark.parametrize(
    ("name", "value"),
    [("tenant", "bank"), ("roles", frozenset({"compliance_officer"})), ("purposes", frozenset()), ("clearance", 3)],
)
def test_a_user_who_exists_is_not_taken_for_another(store: Store, name: str, value: object) -> None:
    issue_token(store, ALICE, DAY)
    with pytest.raises(UserDiffers, match=name):
        issue_token(store, replace(ALICE, **{name: value}), DAY)
    assert issued(store) == 1


def test_a_user_named_as_they_are_gets_a_further_token(store: Store) -> None:
    first, second = (issue_token(store, ALICE, DAY) for _ in range(2))
    assert first.token_id != second.token_id
    assert issued(store) == 2
