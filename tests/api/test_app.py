"""What every answer carries, and every error looks like."""

import json
from typing import Any

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskClient

from api.problems import STATUS_OF_KIND
from api.request_scope import SECURITY_HEADERS
from secure_ds.services import errors
from tests.simulators.services import EXPIRED_TOKEN, OTHER_TENANT_TOKEN, TOKEN, SimulatedService, dataset_view

SERVICE_ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
SECRET = "4111-1111-patient-record"


def problem_of(response: Any) -> dict[str, Any]:
    assert response.mimetype == "application/problem+json"
    document: dict[str, Any] = response.get_json()
    assert document["status"] == response.status_code
    assert document["request_id"] == response.headers["X-Request-Id"]
    return document


@pytest.mark.parametrize("error", SERVICE_ERRORS, ids=lambda error: error.code)
def test_every_service_error_is_a_problem_with_its_code(
    http: FlaskClient, service: SimulatedService, error: type[errors.ServiceError]
) -> None:
    service.failing["list_jobs"] = error("what was wrong", remedy="what would be right", facts={"left": 0.5})
    response = http.get("/v1/jobs")
    document = problem_of(response)
    assert response.status_code == STATUS_OF_KIND[error.kind]
    assert document["type"] == f"urn:secure-ds:problem:{error.code}"
    assert (document["code"], document["detail"]) == (error.code, "what was wrong")
    assert (document["remedy"], document["facts"]) == ("what would be right", {"left": 0.5})


def test_codes_of_errors_are_distinct() -> None:
    codes = [error.code for error in SERVICE_ERRORS]
    assert len(set(codes)) == len(codes)


def test_unavailable_says_when_to_retry(http: FlaskClient, service: SimulatedService) -> None:
    service.failing["list_jobs"] = errors.ServiceUnavailable("the audit log does not answer; nothing was done")
    assert int(http.get("/v1/jobs").headers["Retry-After"]) > 0


def test_unexpected_error_tells_nobody_its_message(http: FlaskClient, service: SimulatedService) -> None:
    service.failing["list_jobs"] = RuntimeError(f"cannot store {SECRET}")
    with structlog.testing.capture_logs() as logs:
        response = http.get("/v1/jobs")
    assert problem_of(response)["code"] == "internal_error"
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert line["error"] == "RuntimeError"
    assert any("blueprints/jobs.py" in place and "list_jobs" in place for place in line["where"])
    assert SECRET not in response.text + json.dumps(logs)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN} x",
        "Bearer " + "A" * 5000,
        "Bearer \x01",
        f"Bearer {TOKEN}x",
    ],
)
def test_malformed_and_unknown_tokens_are_refused_alike(
    app: Flask, service: SimulatedService, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    response = app.test_client().get("/v1/jobs", headers=headers)
    assert response.status_code == 401
    assert problem_of(response)["code"] == "invalid_token"
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "list_jobs" not in [name for name, _ in service.calls]


def test_expired_token_is_named(app: Flask) -> None:
    response = app.test_client().get("/v1/jobs", headers={"Authorization": f"Bearer {EXPIRED_TOKEN}"})
    assert (response.status_code, problem_of(response)["code"]) == (401, "expired_token")


def test_token_is_checked_before_anything_else_is_read(app: Flask, service: SimulatedService) -> None:
    response = app.test_client().post("/v1/jobs?what=ever", data="not json", headers={"Authorization": "Bearer x"})
    assert response.status_code == 401


def test_other_tenants_objects_are_not_there(app: Flask, service: SimulatedService) -> None:
    view = service.add_dataset(b"blob")
    headers = {"Authorization": f"Bearer {OTHER_TENANT_TOKEN}"}
    assert app.test_client().get(f"/v1/datasets/{view.id}", headers=headers).status_code == 404
    assert app.test_client().get("/v1/datasets", headers=headers).get_json()["items"] == []


def test_caller_reaches_the_verb(http: FlaskClient, service: SimulatedService) -> None:
    response = http.get("/v1/whoami")
    caller = service.calls[-1][1][0]
    assert response.get_json()["tenant"] == "acme"
    assert caller.request_id == response.headers["X-Request-Id"]
    assert caller.network_zone == "internal"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/nothing", "/v1/jobs/", "//v1/jobs", "/v1/datasets/../jobs"])
def test_unknown_paths_are_problems(http: FlaskClient, path: str) -> None:
    assert problem_of(http.get(path))["code"] == "not_found"


@pytest.mark.parametrize(
    "bad_id", ["x", "ds_short", "DS_" + "a" * 26, "ds_" + "a" * 25 + "1", "ds_" + "a" * 26 + "%0A"]
)
def test_malformed_ids_are_not_found(http: FlaskClient, service: SimulatedService, bad_id: str) -> None:
    assert problem_of(http.get(f"/v1/datasets/{bad_id}"))["code"] == "not_found"
    assert "show_dataset" not in [name for name, _ in service.calls]


def test_method_not_allowed_says_what_is(http: FlaskClient) -> None:
    response = http.delete("/v1/jobs")
    assert problem_of(response)["code"] == "method_not_allowed"
    assert {"GET", "POST"} <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize("path", ["/v1/jobs", "/healthz", "/nowhere"])
def test_every_answer_has_the_security_headers(http: FlaskClient, path: str) -> None:
    headers = http.get(path).headers
    assert SECURITY_HEADERS.items() <= dict(headers).items()


def test_request_ids_differ(http: FlaskClient) -> None:
    assert len({http.get("/healthz").headers["X-Request-Id"] for _ in range(20)}) == 20


def test_log_line_has_the_request_and_no_secret(http: FlaskClient, service: SimulatedService) -> None:
    view = service.add_dataset(b"blob")
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        response = http.get(f"/v1/datasets/{view.id}")
        http.get(f"/v1/audit/entries?text={SECRET}")
    line = logs[0]
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert (line["route"], line["dataset_id"], line["status"]) == ("/v1/datasets/<dataset_id>", view.id, 200)
    assert line["principal"] == "user-of-acme"
    assert TOKEN not in json.dumps(logs) and SECRET not in json.dumps(logs)


def test_metrics_count_answers_without_ids(http: FlaskClient, service: SimulatedService) -> None:
    view = service.add_dataset(b"blob")
    http.get(f"/v1/datasets/{view.id}")
    text = http.get("/metrics").text
    wanted = 'secure_ds_http_answers_total{method="GET",route="/v1/datasets/<dataset_id>",status="200"} 1.0'
    assert wanted in text and view.id not in text


def test_readiness_follows_the_parts(http: FlaskClient, service: SimulatedService) -> None:
    assert http.get("/readyz").status_code == 200
    service.ready = False
    response = http.get("/readyz")
    assert response.status_code == 503 and response.get_json()["parts"]["database"] != "ok"


def test_pages_pass_cursor_and_limit(http: FlaskClient, service: SimulatedService) -> None:
    for _ in range(3):
        view = dataset_view()
        service.datasets[view.id] = view
    first = http.get("/v1/datasets?limit=2").get_json()
    second = http.get(f"/v1/datasets?limit=2&cursor={first['next']}").get_json()
    seen = [item["id"] for item in first["items"] + second["items"]]
    assert sorted(seen) == sorted(service.datasets) and second["next"] is None
