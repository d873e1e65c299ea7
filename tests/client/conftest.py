import httpx
import pytest

from api.app import create_app
from api.settings import ApiSettings
from secure_ds.client.client import Client
from tests.simulators.services import TOKEN, SimulatedService
from tests.simulators.wire import Saboteur

URL = "http://127.0.0.1:1"


@pytest.fixture
def service() -> SimulatedService:
    return SimulatedService()


@pytest.fixture
def wire(service: SimulatedService) -> Saboteur:
    return Saboteur(httpx.WSGITransport(create_app(service, ApiSettings())))


@pytest.fixture
def client(wire: Saboteur) -> Client:
    """acme's data owner, over a wire that a test may cut; waiting takes no time."""
    return Client(URL, TOKEN, transport=wire, sleep=lambda seconds: None)
