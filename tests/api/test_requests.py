"""Bad input is refused with a clear problem, and never reaches a verb."""

import io
import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.conftest import MAX_JSON
from tests.simulators.services import SimulatedService

JOB: dict[str, Any] = {
    "dataset_id": "ds_" + "a" * 26,
    "purpose": "research",
    "epsilon": 1.0,
    "delta": 1e-5,
}


def submit(http: FlaskClient, body: str | bytes, **headers: str) -> Any:
    return http.post("/v1/jobs", data=body, headers={"Content-Type": "application/json", **headers})


def verbs_called(service: SimulatedService) -> list[str]:
    return [name for name, _ in service.calls if name != "authenticate"]


def test_good_job_is_accepted(http: FlaskClient) -> None:
    response = submit(http, json.dumps(JOB))
    assert response.status_code == 202 and response.get_json()["dataset_id"] == JOB["dataset_id"]


def test_integral_floats_are_integers(http: FlaskClient, service: SimulatedService) -> None:
    assert submit(http, json.dumps(JOB | {"steps": 4.0, "epsilon": 1})).status_code == 202
    assert service.calls[-1][1][1].steps == 4


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"\xff{}", "UTF-8"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"epsilon":1,"epsilon":2}', "twice"),
        (b'{"epsilon":NaN}', "NaN"),
        (b'{"epsilon":-Infinity}', "infinit"),
        (b'{"epsilon":1e999}', "too large"),
        (b'{"epsilon":' + b"9" * 5000 + b"}", "too long"),
        (b"[" * 30000, "deep"),
    ],
)
def test_what_is_not_strict_json_is_malformed(
    http: FlaskClient, service: SimulatedService, body: bytes, reason: str
) -> None:
    response = submit(http, body)
    assert response.status_code == 400
    assert response.get_json()["code"] == "malformed_request"
    assert reason in response.get_json()["detail"]
    assert verbs_called(service) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"epsilon": 0}, "body.epsilon"),
        ({"epsilon": -1}, "body.epsilon"),
        ({"epsilon": "1"}, "body.epsilon"),
        ({"epsilon": True}, "body.epsilon"),
        ({"epsilon": None}, "body.epsilon"),
        ({"delta": 0.5}, "body.delta"),
        ({"steps": 1.5}, "body.steps"),
        ({"steps": "4"}, "body.steps"),
        ({"steps": True}, "body.steps"),
        ({"steps": 10**30}, "body.steps"),
        ({"momentum": 1}, "body.momentum"),
        ({"algorithm": "other"}, "body.algorithm"),
        ({"purpose": "Research!"}, "body.purpose"),
        ({"purpose": "\ud800"}, "body.purpose"),
        ({"dataset_id": "ds_" + "a" * 26 + "\n"}, "body.dataset_id"),
        ({"surprise": 1}, "body.surprise"),
    ],
)
def test_values_that_cannot_be_used_are_named(
    http: FlaskClient, service: SimulatedService, change: dict[str, Any], where: str
) -> None:
    response = submit(http, json.dumps(JOB | change))
    document = response.get_json()
    assert (response.status_code, document["code"]) == (422, "invalid_request")
    assert document["facts"]["errors"][0]["at"].startswith(where)
    assert document["detail"].startswith(where)
    assert verbs_called(service) == []


def test_errors_do_not_repeat_what_was_sent(http: FlaskClient) -> None:
    response = submit(http, json.dumps(JOB | {"purpose": "a sentence with 4111 in it", "steps": -777}))
    assert "4111" not in response.text and "777" not in response.text


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"null", b"5"])
def test_bodies_that_are_no_objects_are_invalid(http: FlaskClient, body: bytes) -> None:
    assert submit(http, body).status_code == 422


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_foreign_content_types_are_refused(http: FlaskClient, content_type: str) -> None:
    response = submit(http, json.dumps(JOB), **{"Content-Type": content_type})
    assert (response.status_code, response.get_json()["code"]) == (415, "unsupported_media_type")


def test_charset_of_json_is_allowed(http: FlaskClient) -> None:
    assert submit(http, json.dumps(JOB), **{"Content-Type": "application/json; charset=utf-8"}).status_code == 202


def test_json_over_the_limit_is_refused(http: FlaskClient, service: SimulatedService) -> None:
    response = submit(http, json.dumps(JOB) + " " * MAX_JSON)
    assert (response.status_code, response.get_json()["code"]) == (413, "too_large")
    assert verbs_called(service) == []


def test_chunked_json_over_the_limit_is_not_cut_in_silence(http: FlaskClient, service: SimulatedService) -> None:
    body = io.BytesIO(json.dumps(JOB).encode() + b" " * MAX_JSON)
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": None}
    response = http.post("/v1/jobs", input_stream=body, environ_overrides=environ, content_type="application/json")
    assert response.status_code == 413
    assert verbs_called(service) == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page=2", 400),
        ("limit=5&limit=6", 400),
        ("limit=0", 422),
        ("limit=201", 422),
        ("limit=ten", 422),
        ("limit=+5", 422),
        ("limit=1_0", 422),
        ("limit=", 422),
        ("cursor=%00", 422),
        ("limit=5.0", 200),
    ],
)
def test_query_parameters_are_strict(http: FlaskClient, query: str, status: int) -> None:
    assert http.get(f"/v1/jobs?{query}").status_code == status


def test_operations_without_parameters_take_none(http: FlaskClient) -> None:
    assert http.get("/v1/keys?x=1").status_code == 400


@pytest.mark.parametrize(
    ("moment", "status"),
    [("2026-01-31T12:00:00Z", 200), ("2026-01-31T12:00:00%2B02:00", 200), ("2026-02-31T12:00:00Z", 422), ("now", 422)],
)
def test_moments_are_real(http: FlaskClient, moment: str, status: int) -> None:
    assert http.get(f"/v1/audit/entries?since={moment}").status_code == status


def test_idempotency_key_repeats_the_answer(http: FlaskClient) -> None:
    first = submit(http, json.dumps(JOB), **{"Idempotency-Key": "once"}).get_json()
    again = submit(http, json.dumps(JOB), **{"Idempotency-Key": "once"}).get_json()
    other = submit(http, json.dumps(JOB | {"epsilon": 0.5}), **{"Idempotency-Key": "once"})
    assert first["id"] == again["id"]
    assert (other.status_code, other.get_json()["code"]) == (409, "idempotency_conflict")


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 129, "é"])
def test_malformed_idempotency_keys_are_refused(http: FlaskClient, key: str) -> None:
    assert submit(http, json.dumps(JOB), **{"Idempotency-Key": key}).status_code == 422
