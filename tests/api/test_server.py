"""What only a real server shows: bodies refused unread, uploads cut in the middle, events that arrive one by one."""

import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.simulators.services import TOKEN

ROOT = Path(__file__).parents[2]
HEAD = f"Host: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Type: application/octet-stream\r\n"
DATASET = "ds_" + "a" * 26
JOB = "job_" + "a" * 26
BLOB = b"x" * 1_000_000
SERVE = """
import sys, time
from pathlib import Path
from api.app import create_app
from api.server import serve_unix
from api.settings import ApiSettings
from secure_ds.wire.jobs import JobEvent
from tests.api.test_server import BLOB, DATASET, JOB
from tests.simulators.services import SimulatedService, digest_of

class Slow(SimulatedService):
    def job_events(self, caller, job_id, after, limit, /):
        for number in range(1, 4):
            yield JobEvent(id=number, event="step", data={})
            time.sleep(0.4)

def build():
    service = Slow()
    view = service.add_dataset(BLOB)
    service.datasets[DATASET] = view.model_copy(update={"id": DATASET})
    service.blobs = {(DATASET, digest_of(BLOB)): (bytearray(), len(BLOB))}
    return create_app(service, ApiSettings())

serve_unix(build, Path(sys.argv[1]), threads=8)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("api")
    path = home / "api.sock"
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(path)], cwd=ROOT, env={"HOME": str(home), "PYTHONPATH": str(ROOT)}
    )
    deadline = time.monotonic() + 30
    while not path.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    yield path
    process.terminate()
    assert process.wait(15) == 0
    assert [each.name for each in home.iterdir()] == [], "the server left files behind"


@pytest.fixture
def raw(server: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(server))
        yield connection


@pytest.fixture
def http(server: Path) -> Iterator[httpx.Client]:
    transport = httpx.HTTPTransport(uds=str(server))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(transport=transport, base_url="http://localhost", headers=headers) as client:
        yield client


def blob_url() -> str:
    from tests.simulators.services import digest_of

    return f"/v1/datasets/{DATASET}/blobs/{digest_of(BLOB)}"


def answer_status(connection: socket.socket) -> int:
    return int(connection.makefile("rb").readline().split()[1])


def test_socket_is_for_its_owner_alone(server: Path, http: httpx.Client) -> None:
    assert http.get("/healthz").status_code == 200
    assert stat.S_IMODE(server.stat().st_mode) == 0o600


def test_two_gigabytes_are_refused_at_once(raw: socket.socket) -> None:
    started = time.monotonic()
    raw.sendall(f"PUT {blob_url()} HTTP/1.1\r\n{HEAD}Content-Length: {2 * 2**30}\r\n\r\n".encode())
    assert answer_status(raw) == 413
    assert time.monotonic() - started < 5


def test_unauthenticated_body_is_not_read(raw: socket.socket) -> None:
    head = HEAD.replace(TOKEN, "nobody")
    raw.sendall(f"PUT {blob_url()} HTTP/1.1\r\n{head}Content-Length: {100 * 2**20}\r\n\r\n".encode())
    assert answer_status(raw) == 401


def test_endless_chunked_json_is_cut_off(raw: socket.socket) -> None:
    head = HEAD.replace("octet-stream", "json")
    raw.sendall(f"POST /v1/jobs HTTP/1.1\r\n{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    try:
        for _ in range(40):
            raw.sendall(chunk)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert answer_status(raw) == 413


def test_upload_cut_in_the_middle_goes_on_where_it_stopped(server: Path, http: httpx.Client) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(server))
        connection.sendall(f"PUT {blob_url()} HTTP/1.1\r\n{HEAD}Content-Length: {len(BLOB)}\r\n\r\n".encode())
        connection.sendall(BLOB[:300_000])
    deadline = time.monotonic() + 10
    while (offset := int(http.head(blob_url()).headers["Upload-Offset"])) == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert offset == 300_000
    headers = {"Upload-Offset": str(offset), "Content-Type": "application/octet-stream"}
    assert http.put(blob_url(), content=BLOB[offset:], headers=headers).json()["complete"]
    assert http.get(blob_url()).content == BLOB


def test_events_arrive_one_by_one(http: httpx.Client) -> None:
    arrivals = []
    with http.stream("GET", f"/v1/jobs/{JOB}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("id:"):
                arrivals.append(time.monotonic())
    assert len(arrivals) == 3
    assert arrivals[2] - arrivals[0] > 0.5
