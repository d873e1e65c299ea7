"""People and service principals, with the attributes that policies read."""

from secure_ds.store.repositories.base import Repository, add, find, values_of
from secure_ds.store.rows import UserRow
from secure_ds.store.tables import users


class Users(Repository):
    """The known principals."""

    def add(self, row: UserRow) -> None:
        """Add a principal. Raises `AlreadyExists`."""
        add(self._connection, users, values_of(row), row.id)

    def get(self, user_id: str) -> UserRow | None:
        """Return a principal, or None."""
        return find(self._connection, users, UserRow, users.c.id == user_id)
