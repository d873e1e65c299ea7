"""Users, tokens, idempotency keys and facts about the installation."""

from datetime import timedelta

import pytest

from secure_ds.core.ids import new_id
from secure_ds.store.errors import AlreadyExists, NotFound
from secure_ds.store.rows import IdempotencyRow, TokenRow
from secure_ds.store.unit_of_work import Store
from tests.store.samples import NOON, digest, user


def test_a_user_comes_back_as_it_went_in(store: Store) -> None:
    row = user(purposes=frozenset(), disabled=True, name="Zoë")
    with store.write() as unit:
        unit.users.add(row)
    with store.read() as unit:
        assert unit.users.get(row.id) == row
        assert unit.users.get("user_unknown") is None


def test_a_user_is_added_once(store: Store) -> None:
    row = user()
    with store.write() as unit:
        unit.users.add(row)
    with pytest.raises(AlreadyExists, match=row.id), store.write() as unit:
        unit.users.add(row)


def test_a_token_is_found_with_its_user_until_its_revocation_shows(store: Store) -> None:
    owner = user()
    token = TokenRow(new_id("tok"), owner.id, digest(1), NOON, NOON + timedelta(days=1))
    with store.write() as unit:
        unit.users.add(owner)
        unit.tokens.add(token)
        assert unit.tokens.find(token.id) == (token, owner)
        assert unit.tokens.find(new_id("tok")) is None
        unit.tokens.revoke(token.id)
    with store.write() as unit:
        unit.tokens.revoke(token.id)
        found = unit.tokens.find(token.id)
        assert found is not None
        assert found[0].revoked
        with pytest.raises(NotFound):
            unit.tokens.revoke(new_id("tok"))


def test_an_idempotency_key_belongs_to_one_principal(store: Store) -> None:
    first, second = user(), user()
    row = IdempotencyRow(first.id, "key-1", digest(1), 202, '{"id":"job"}', NOON)
    with store.write() as unit:
        unit.idempotency.put(row)
        assert unit.idempotency.find(first.id, "key-1") == row
        assert unit.idempotency.find(second.id, "key-1") is None
        assert unit.idempotency.find(first.id, "key-2") is None
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.idempotency.put(row)


def test_a_fact_is_written_once(store: Store) -> None:
    with store.write() as unit:
        assert unit.meta.get("origin") is None
        unit.meta.put("origin", "example.org/log")
        unit.meta.put("origin", "example.org/log")
        assert unit.meta.get("origin") == "example.org/log"
    with pytest.raises(AlreadyExists), store.write() as unit:
        unit.meta.put("origin", "example.com/other")


def test_a_naive_time_is_refused(store: Store) -> None:
    row = IdempotencyRow("user_a", "key", digest(1), 200, "{}", NOON.replace(tzinfo=None))
    with pytest.raises(Exception, match="without a zone"), store.write() as unit:
        unit.idempotency.put(row)
