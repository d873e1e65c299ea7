"""Facts about this installation, such as its id and the origin of its log. Each is written once and never changes."""

from sqlalchemy import select

from secure_ds.store.errors import AlreadyExists
from secure_ds.store.repositories.base import Repository, add
from secure_ds.store.tables import meta


class Meta(Repository):
    """Named facts."""

    def get(self, name: str) -> str | None:
        """Return a fact, or None when it was never written."""
        return self._connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar_one_or_none()

    def put(self, name: str, value: str) -> None:
        """Write a fact; the same again changes nothing. Raises `AlreadyExists` when it has another value."""
        known = self.get(name)
        if known is None:
            add(self._connection, meta, {"name": name, "value": value}, f"fact {name}")
        elif known != value:
            raise AlreadyExists(f"fact {name} exists already with another value")
