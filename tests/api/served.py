"""The real application over the prepared installation: use cases, policies, database, custodian; users with tokens.

What the simulator in `tests.simulators.services` is to the HTTP layer alone, this is to the service as a whole.
"""

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import MetaData, text

from api.app import create_app
from api.settings import ApiSettings
from secure_ds.core.principal import Role
from secure_ds.services.authenticate import issue_token
from secure_ds.store.engine import make_engine
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

    def state(self) -> dict[str, Any]:
        """Everything that is stored, the audit log apart: what a refused request must leave as it was."""
        databases = (self.installation.database_url, f"sqlite:///{self.installation.home / 'journal.db'}")
        rows = {table: found for url in databases for table, found in _rows(url).items()}
        blobs = {str(path): _digest(path) for path in (self.installation.home / "blobs").rglob("*") if path.is_file()}
        return rows | {"blobs on disk": blobs}


def problem_of(response: Any) -> dict[str, Any]:
    """Return a problem document, after looking at its form."""
    assert response.mimetype == "application/problem+json", response.text
    document: dict[str, Any] = response.get_json()
    assert document["status"] == response.status_code
    assert document["detail"]
    assert document["type"] == f"urn:secure-ds:problem:{document['code']}"
    return document


def _rows(url: str) -> dict[str, list[str]]:
    """Every row of a database as text; the audit log's and what only belongs to it left out."""
    engine, metadata = make_engine(url), MetaData()
    metadata.reflect(engine)
    left_out = {"audit_entries", "audit_nodes", "audit_head", "audit_checkpoints", "checkpoints"}
    with engine.connect() as connection:
        found = {
            name: sorted(repr(tuple(row)) for row in connection.execute(text(f"SELECT * FROM {name}")))  # noqa: S608
            for name in metadata.tables.keys() - left_out
        }
    engine.dispose()
    return found


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
