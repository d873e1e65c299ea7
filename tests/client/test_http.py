"""When a request is repeated, when it is not, and where a token never goes."""

import json

import pytest

from secure_ds.client.client import Client
from secure_ds.client.errors import InsecureAddress, ProblemError, ServiceUnreachable, UnexpectedAnswer
from secure_ds.client.http import ATTEMPTS, FIRST_PAUSE, pauses
from secure_ds.services.errors import BudgetRefused, ServiceUnavailable
from secure_ds.wire.jobs import JobSubmit
from tests.simulators.services import TOKEN, SimulatedService
from tests.simulators.wire import Saboteur, answer_with, lose_answer, refuse_connection

JOB = JobSubmit(dataset_id="ds_" + "a" * 26, purpose="research", epsilon=1.0, delta=1e-5)


@pytest.mark.parametrize(
    "url",
    ["http://ds.example.org", "http://10.0.0.1:8443", "ftp://localhost", "ds.example.org", "", "https://", "http://["],
)
def test_token_never_travels_in_the_clear(url: str) -> None:
    with pytest.raises(InsecureAddress):
        Client(url, TOKEN)


@pytest.mark.parametrize(
    "url", ["https://ds.example.org", "http://127.0.0.1:8443", "http://localhost", "http://[::1]:1"]
)
def test_safe_addresses_are_accepted(url: str) -> None:
    Client(url, TOKEN)


def test_reading_is_repeated(client: Client, wire: Saboteur) -> None:
    wire.faults = [refuse_connection, lose_answer]
    assert client.who_am_i().tenant == "acme"
    assert wire.methods == ["GET"] * 3


def test_repeating_has_an_end(client: Client, wire: Saboteur) -> None:
    wire.faults = [refuse_connection] * 100
    with pytest.raises(ServiceUnreachable):
        client.who_am_i()
    assert len(wire.requests) == ATTEMPTS


def test_unavailable_service_is_asked_again(client: Client, wire: Saboteur, service: SimulatedService) -> None:
    service.failing["who_am_i"] = ServiceUnavailable("the database does not answer")
    with pytest.raises(ProblemError, match="database") as caught:
        client.who_am_i()
    assert caught.value.status == 503 and len(wire.requests) == ATTEMPTS


def test_lost_answer_to_a_submission_does_not_make_two_jobs(
    client: Client, wire: Saboteur, service: SimulatedService
) -> None:
    wire.faults = [lose_answer]
    job = client.submit_job(JOB)
    assert wire.methods == ["POST", "POST"]
    assert list(service.jobs) == [job.id]


def test_other_posts_are_not_repeated(client: Client, wire: Saboteur, service: SimulatedService) -> None:
    wire.faults = [lose_answer]
    with pytest.raises(ServiceUnreachable):
        client.cancel_job(service.add_job().id)
    assert wire.methods == ["POST"]


def test_problem_becomes_a_typed_error(client: Client, service: SimulatedService) -> None:
    service.failing["submit_job"] = BudgetRefused("0.25 is left", remedy="ask for less", facts={"epsilon_left": 0.25})
    with pytest.raises(ProblemError) as caught:
        client.submit_job(JOB)
    error = caught.value
    assert (error.code, error.status, error.detail) == ("budget_exceeded", 409, "0.25 is left")
    assert (error.remedy, error.facts) == ("ask for less", {"epsilon_left": 0.25})
    assert error.request_id is not None and error.request_id.startswith("req_")


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (502, b"<html>bad gateway</html>"),
        (200, b"<html>"),
        (200, b"{}"),
        (200, json.dumps({"id": 1}).encode()),
        (302, b""),
    ],
)
def test_answer_of_another_service_is_no_answer(client: Client, wire: Saboteur, status: int, content: bytes) -> None:
    wire.faults = [answer_with(status, content)]
    with pytest.raises(UnexpectedAnswer):
        client.who_am_i()


def test_service_that_is_not_ready_says_what_is_missing(client: Client, service: SimulatedService) -> None:
    service.ready = False
    readiness = client.readiness()
    assert not readiness.ready and readiness.parts["database"] != "ok"


def test_pauses_grow_and_end() -> None:
    found = list(pauses(4))
    assert found[-1] is None
    for attempt, pause in enumerate(found[:-1]):
        assert pause is not None and FIRST_PAUSE * 2**attempt / 2 <= pause <= FIRST_PAUSE * 2**attempt


def test_nobody_can_read_the_token_from_a_client(client: Client) -> None:
    assert TOKEN not in repr(client) + repr(vars(client))
