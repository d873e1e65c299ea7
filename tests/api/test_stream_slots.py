"""Open streams never take all threads: a few a caller, half of the threads together, and a slot comes back."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.app import create_app
from api.settings import ApiSettings
from api.stream_slots import PER_CALLER, StreamSlots
from secure_ds.services.errors import ServiceUnavailable
from tests.simulators.services import TOKEN, SimulatedService


def test_a_caller_gets_a_few() -> None:
    slots = StreamSlots(total=100)
    give_back = [slots.take("ada") for _ in range(PER_CALLER)]
    with pytest.raises(ServiceUnavailable):
        slots.take("ada")
    slots.take("bob")
    give_back[0]()
    slots.take("ada")


def test_all_callers_together_get_the_total() -> None:
    slots = StreamSlots(total=2)
    give_back = slots.take("ada")
    slots.take("bob")
    with pytest.raises(ServiceUnavailable):
        slots.take("eve")
    give_back()
    slots.take("eve")


@pytest.fixture
def http(service: SimulatedService) -> FlaskClient:
    app: Flask = create_app(service, ApiSettings(max_streams=1))
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
    return client


def test_a_stream_too_many_is_answered_503(http: FlaskClient, service: SimulatedService) -> None:
    service.events = [None]
    url = f"/v1/jobs/{service.add_job().id}/events"
    with http.get(url) as first:
        assert first.status_code == 200
        refused = http.get(url)
        assert (refused.status_code, refused.json["code"]) == (503, "unavailable")
        assert refused.headers["Retry-After"]
    assert http.get(url).status_code == 200


def test_a_refused_stream_keeps_no_slot(http: FlaskClient, service: SimulatedService) -> None:
    assert http.get(f"/v1/jobs/job_{'a' * 26}/events").status_code == 404
    assert http.get(f"/v1/jobs/{service.add_job().id}/events").status_code == 200
