"""API tokens, by the digest of their secret: the database cannot tell anyone a token that works."""

from secure_ds.store.repositories.base import Repository, add, change, find, require, values_of
from secure_ds.store.rows import TokenRow, UserRow
from secure_ds.store.tables import tokens, users


class Tokens(Repository):
    """Tokens and whom they speak for. Whether one is expired, revoked or right is for the caller to judge."""

    def add(self, row: TokenRow) -> None:
        """Add a token. Raises `AlreadyExists`."""
        add(self._connection, tokens, values_of(row), row.id)

    def find(self, token_id: str) -> tuple[TokenRow, UserRow] | None:
        """Return the token and its user, or None when there is no such token."""
        token = find(self._connection, tokens, TokenRow, tokens.c.id == token_id)
        user = None if token is None else find(self._connection, users, UserRow, users.c.id == token.user_id)
        return None if token is None or user is None else (token, user)

    def revoke(self, token_id: str) -> None:
        """Revoke a token, for good; again changes nothing. Raises `NotFound`."""
        change(self._connection, tokens, require(self._connection, tokens, TokenRow, token_id), revoked=True)
