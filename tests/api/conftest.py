import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from tests.simulators.services import TOKEN, SimulatedService

MAX_JSON = 64 * 1024
MAX_BLOB = 1024 * 1024


@pytest.fixture
def service() -> SimulatedService:
    return SimulatedService()


@pytest.fixture
def app(service: SimulatedService) -> Flask:
    return create_app(service, ApiSettings(max_json_bytes=MAX_JSON, max_blob_bytes=MAX_BLOB))


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    """A client of acme's data owner."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client
