"""A part that does not answer: 503 within seconds, nothing half done, and work that goes on when the part is back."""

import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
from sqlalchemy import make_url

from secure_ds.client.client import fresh_key
from secure_ds.core.principal import Role
from secure_ds.data.descriptor import DatasetDescriptor
from tests.e2e.live import LiveInstance
from tests.e2e.owner import finished, job_body, ready_dataset, steps_done, submit
from tests.installation import declaration, random_records

PROMPTLY = 10.0  # seconds
AT_ONCE = 20  # more than the pool has connections


def test_a_log_that_cannot_be_written_refuses_promptly_and_work_goes_on(database_url: str) -> None:
    with LiveInstance(database_url) as live:
        live.start()
        hold_the_log(live)


def test_without_custodian_what_needs_it_answers_503_and_jobs_wait() -> None:
    with LiveInstance() as live:
        live.start()
        do_without_custodian(live)


def hold_the_log(live: LiveInstance) -> None:
    """Hold the log while a job runs, people ask and one submits."""
    owner = live.client("alice", Role.DATA_OWNER)
    descriptor = make_dataset(live)
    running = submit(owner, job_body(descriptor.dataset_id, steps=24))
    steps_done(owner, running.id, 2)
    asked = [("GET", f"/v1/jobs/{running.id}"), ("POST", "/v1/jobs")]
    with log_held(live.settings.database):
        before = entries(live)
        answers = ask_at_once(live, descriptor.dataset_id, asked * (AT_ONCE // 2))
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(503, "unavailable")}
        assert max(answer.elapsed.total_seconds() for answer in answers) < PROMPTLY
        assert httpx.get(f"{live.supervisor.url}/healthz").status_code == 200
        assert entries(live) == before
    assert [job.id for job in owner.jobs(descriptor.dataset_id)] == [running.id]
    assert finished(owner, running.id).state == "succeeded"


def do_without_custodian(live: LiveInstance) -> None:
    """Kill the custodian while a job runs, submit, and let it come back."""
    owner = live.client("alice", Role.DATA_OWNER)
    descriptor = make_dataset(live)
    running = submit(owner, job_body(descriptor.dataset_id, steps=24))
    steps_done(owner, running.id, 2)
    live.kill("custodian", "all")
    [refused] = ask_at_once(live, descriptor.dataset_id, [("POST", "/v1/jobs")])
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert refused.elapsed.total_seconds() < PROMPTLY
    assert httpx.get(f"{live.supervisor.url}/readyz").status_code == 503
    time.sleep(1.0)  # whatever step was in flight is over
    done = owner.job(running.id)
    time.sleep(2.0)
    assert (owner.job(running.id).state, owner.job(running.id).steps_done) == ("running", done.steps_done)
    live.supervisor.revive()
    assert finished(owner, running.id).state == "succeeded"
    assert [job.id for job in owner.jobs(descriptor.dataset_id)] == [running.id]


def make_dataset(live: LiveInstance) -> DatasetDescriptor:
    """A small data set that is ready."""
    records = random_records()
    limits = declaration(records, max_decryptions=64)
    return ready_dataset(live.client("alice", Role.DATA_OWNER), live.home / "package", records, limits)


def ask_at_once(live: LiveInstance, dataset_id: str, asked: list[tuple[str, str]]) -> list[httpx.Response]:
    """Send all requests at the same time, each once: the public client would try again."""
    body = job_body(dataset_id).model_dump_json(exclude_none=True)
    headers = {"Authorization": f"Bearer {live.tokens[0]}", "Content-Type": "application/json"}

    def ask(request: tuple[str, str]) -> httpx.Response:
        method, path = request
        content = body if method == "POST" else None
        return httpx.request(
            method,
            live.supervisor.url + path,
            headers={**headers, "Idempotency-Key": fresh_key()},
            content=content,
            timeout=60.0,
        )

    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(ask, asked))


def entries(live: LiveInstance) -> int:
    """The size of the log."""
    with live.store().read() as work:
        return work.audit.head().size


@contextmanager
def log_held(database_url: str) -> Iterator[None]:
    """Keep everybody from writing the log, as a backup or a forgotten session would."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        with sqlite_held(Path(str(url.database))):
            yield
        return
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.execute("LOCK TABLE audit_head IN EXCLUSIVE MODE")
        yield


@contextmanager
def sqlite_held(path: Path) -> Iterator[None]:
    """Hold SQLite's write lock."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=30.0)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()
