"""A log line is one JSON object, and an error in it is a kind and a place."""

import json
from collections.abc import Iterator

import pytest
import structlog

from secure_ds.core.logs import configure_logs, describe_error


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_lines_are_json_with_process_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("worker")
    structlog.contextvars.bind_contextvars(request_id="req_x")
    structlog.get_logger("test").info("claimed", job_id="job_x")
    structlog.get_logger("test").debug("not shown")
    (line,) = capsys.readouterr().err.splitlines()
    written = json.loads(line)
    assert written.pop("timestamp").endswith("Z")
    assert written == {
        "job_id": "job_x",
        "level": "info",
        "message": "claimed",
        "process": "worker",
        "request_id": "req_x",
    }


def test_errors_are_described_without_their_message() -> None:
    def fail() -> None:
        raise ValueError("patient 4711")

    with pytest.raises(ValueError, match="4711") as caught:
        fail()
    described = describe_error(caught.value)
    assert described["error"] == "ValueError"
    assert described["where"][-1].startswith("tests/core/test_logs.py:") and described["where"][-1].endswith("fail")
    assert "4711" not in json.dumps(described)
