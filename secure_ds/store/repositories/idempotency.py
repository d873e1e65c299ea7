"""Answers by idempotency key, so that a request sent twice happens once."""

from secure_ds.store.repositories.base import Repository, add, find, values_of
from secure_ds.store.rows import IdempotencyRow
from secure_ds.store.tables import idempotency


class Idempotency(Repository):
    """The answers already given, each under the principal that asked: keys of different principals never meet."""

    def find(self, principal_id: str, key: str) -> IdempotencyRow | None:
        """Return the answer given to this principal's request with that key, or None."""
        mine = idempotency.c.principal_id == principal_id
        return find(self._connection, idempotency, IdempotencyRow, mine, idempotency.c.key == key)

    def put(self, row: IdempotencyRow) -> None:
        """Record an answer in the transaction that made it true.

        Raises:
            AlreadyExists: a request with this key was answered meanwhile; roll back, and `find` its answer.
        """
        add(self._connection, idempotency, values_of(row), "an answer under this idempotency key")
