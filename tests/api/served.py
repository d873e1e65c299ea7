"""The real application over the prepared installation: use cases, policies, database, custodian; users with tokens.

What the simulator in `tests.simulators.services` is to the HTTP layer alone, this is to the service as a whole.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from secure_ds.core.principal import Role
from secure_ds.services.authenticate import issue_token
from secure_ds.store.rows import UserRow
from tests.custodian.offers import Offer
from tests.prepared import Prepared, prepared

DAY = timedelta(days=1)


class Served:
    """An installation with its API in front."""

    def __init__(self, home: Path, settings: ApiSettings | None = None) -> None:
        self.ready: Prepared = prepared(home)
        self.installation = self.ready.installation
        self.app = create_app(self.installation.services, settings or ApiSettings())

    def token(
        self,
        name: str,
        *roles: Role,
        tenant: str = "clinic",
        purposes: frozenset[str] = frozenset({"research"}),
        clearance: int = 3,
        lifetime: timedelta = DAY,
    ) -> str:
        """Return a fresh token of a user, who is added if they are new."""
        user = UserRow(name, tenant, name, frozenset(roles), purposes, clearance)
        return issue_token(self.installation.store, user, lifetime).text

    def user(self, name: str, *roles: Role, **attributes: Any) -> FlaskClient:
        """Return an HTTP client that carries a user's token."""
        return self.bearing(self.token(name, *roles, **attributes))

    def bearing(self, token: str | None) -> FlaskClient:
        """Return an HTTP client with that token, or with none."""
        client = self.app.test_client()
        if token is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def owner(self) -> FlaskClient:
        """The owner of the prepared data set, over HTTP."""
        return self.user("alice", Role.DATA_OWNER)

    def registration(self, tenant: str = "clinic", **fields: Any) -> dict[str, Any]:
        """A body that registers a new data set of which nothing is uploaded."""
        message = Offer(self.installation.custodian).message(tenant=tenant, **fields)
        return {"envelope": message.envelope.model_dump(), "sealed_key": message.sealed_key, "name": "another"}
