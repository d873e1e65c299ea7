"""Event streams: framing, heartbeats, resumption, and an end in every case."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from api.sse import HEARTBEAT, RETRY, encode_event, event_stream
from secure_ds.services.errors import NotFound
from secure_ds.wire.jobs import JobEvent
from tests.simulators.services import SimulatedService


def step(number: int) -> JobEvent:
    return JobEvent(id=number, event="step", data={"step": number})


class Ticks:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_frame_has_the_golden_bytes() -> None:
    event = JobEvent(id=7, event="step", data={"note": "two\nlines", "loss": None})
    assert encode_event(event) == b'id: 7\nevent: step\ndata: {"note":"two\\nlines","loss":null}\n\n'


def test_job_is_followed_to_its_end(http: FlaskClient, service: SimulatedService) -> None:
    service.events = [step(1), None, step(2)]
    response = http.get(f"/v1/jobs/{service.add_job().id}/events")
    assert response.mimetype == "text/event-stream"
    assert response.data == RETRY + encode_event(step(1)) + encode_event(step(2))


def test_stream_continues_after_the_last_event(http: FlaskClient, service: SimulatedService) -> None:
    service.events = [step(1), step(2), step(3)]
    url = f"/v1/jobs/{service.add_job().id}/events?limit=1"
    assert http.get(url, headers={"Last-Event-ID": "1"}).data == RETRY + encode_event(step(2))


def test_malformed_last_event_is_refused(http: FlaskClient, service: SimulatedService) -> None:
    url = f"/v1/jobs/{service.add_job().id}/events"
    assert http.get(url, headers={"Last-Event-ID": "latest"}).status_code == 422


def test_unknown_job_is_refused_before_the_stream_begins(http: FlaskClient) -> None:
    response = http.get(f"/v1/jobs/job_{'a' * 26}/events")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_refusal_by_the_first_event_is_a_problem_too() -> None:
    def refuse() -> Iterator[JobEvent | None]:
        raise NotFound("gone")
        yield

    with pytest.raises(NotFound):
        event_stream(refuse(), lifetime=10, heartbeat=1)


def test_silence_is_broken_by_heartbeats() -> None:
    clock = Ticks()

    def quiet() -> Iterator[JobEvent | None]:
        for clock.now in (0.0, 4.0, 6.0, 8.0, 11.0):
            yield None

    response = event_stream(quiet(), lifetime=100, heartbeat=5, monotonic=clock)
    assert list(response.response) == [RETRY, HEARTBEAT, HEARTBEAT]


def test_endless_job_does_not_hold_a_stream_for_ever() -> None:
    clock = Ticks()

    def endless() -> Iterator[JobEvent | None]:
        for clock.now in range(1, 1000):
            yield None
        raise AssertionError("the stream did not end")

    response = event_stream(endless(), lifetime=60, heartbeat=10, monotonic=clock)
    assert len(list(response.response)) < 10
