"""Every operation of the API, through the client."""

import base64
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from secure_ds.client.client import Client
from secure_ds.client.errors import InvalidPackage, ProblemError, ServiceUnreachable, UnexpectedAnswer
from secure_ds.client.events import read_events
from secure_ds.wire.audit import AuditQuery
from secure_ds.wire.datasets import DatasetCreate, Envelope, Signature
from secure_ds.wire.jobs import JobEvent, TrainingRequest
from secure_ds.wire.service import ExplainRequest
from tests.simulators.services import CERTIFICATE, PUBLIC_KEYS, SimulatedService, dataset_view, digest_of
from tests.simulators.wire import Fault, Saboteur, answer_with, cut_answer_after, cut_body_after, refuse_connection

BLOB = bytes(range(256)) * 4000  # longer than one piece
CREATE = DatasetCreate(
    envelope=Envelope(payload="e30=", payloadType="application/json", signatures=[Signature(keyid="k", sig="AA==")]),
    sealed_key=base64.b64encode(b"k" * 200).decode(),
    name="wards",
)


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_bytes(BLOB)
    return path


def step(number: int) -> JobEvent:
    return JobEvent(id=number, event="step", data={"step": number})


def test_what_the_service_says_of_itself(client: Client) -> None:
    assert client.who_am_i().clearance == 2
    assert client.readiness().ready
    assert client.public_keys() == PUBLIC_KEYS
    assert client.keys()[0].label == "sealing"
    assert client.policies().policies
    assert not client.explain(ExplainRequest(action="dataset:read")).allowed


def test_datasets(client: Client, service: SimulatedService) -> None:
    created = client.register_dataset(CREATE)
    assert [each.id for each in client.datasets()] == [created.id]
    assert client.dataset(created.id) == created
    assert client.budget(created.id).epsilon_left == 1.25


def test_jobs(client: Client, service: SimulatedService) -> None:
    job = service.add_job()
    service.add_job()
    request = TrainingRequest(dataset_id=job.dataset_id, purpose="research", epsilon=0.5, delta=1e-5)
    assert client.quote(request).admissible
    assert [each.id for each in client.jobs(job.dataset_id)] == [job.id]
    assert client.steps(job.id)[0].answer == ["-3", "12345678901234567890"]
    assert client.cancel_job(job.id).cancel_requested and client.job(job.id).cancel_requested


def test_models(client: Client, service: SimulatedService) -> None:
    model = service.add_model()
    assert list(client.models()) == [model] and client.model(model.id) == model
    assert client.download_weights(model) == b"weights"
    assert Envelope.model_validate_json(client.download_certificate(model)).model_dump() == CERTIFICATE


def test_audit(client: Client) -> None:
    assert client.checkpoint().size == 1000
    assert client.prove_inclusion(3).index == 3
    assert client.prove_consistency(2, 9).new_size == 9
    assert b"".join(client.export_audit()).count(b"\n") == 2
    assert b"".join(client.export_audit("csv")).startswith(b"index")


def test_lists_are_followed_to_their_end(client: Client, service: SimulatedService) -> None:
    service.datasets = {view.id: view for view in (dataset_view() for _ in range(450))}
    assert sorted(each.id for each in client.datasets()) == sorted(service.datasets)
    assert [entry.index for entry in client.audit_entries(AuditQuery(limit=150))] == list(range(999, -1, -1))
    assert len(client.audit_page(AuditQuery(limit=7)).items) == 7


def test_downloads_are_what_was_asked_for(client: Client, service: SimulatedService, wire: Saboteur) -> None:
    model = service.add_model()
    wire.faults = [answer_with(200, b"other weights")]
    with pytest.raises(UnexpectedAnswer, match="digest"):
        client.download_weights(model)


def test_export_that_breaks_off_is_no_export(client: Client, wire: Saboteur) -> None:
    wire.faults = [cut_answer_after(10)]
    with pytest.raises(ServiceUnreachable):
        list(client.export_audit())


# Uploads


def test_blob_arrives_and_comes_back(client: Client, service: SimulatedService, blob: Path) -> None:
    view = service.add_dataset(BLOB)
    sent: list[int] = []
    assert client.upload_blob(view.id, digest_of(BLOB), blob, sent.append).complete
    assert sent == sorted(sent) and sent[-1] == len(BLOB)
    assert client.download_blob(view.id, digest_of(BLOB)) == BLOB
    assert client.finish_upload(view.id).state == "checking"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(min_value=1, max_value=len(BLOB)), max_size=6))
def test_upload_survives_any_cuts_and_sends_nothing_twice(
    client: Client, service: SimulatedService, wire: Saboteur, blob: Path, cuts: list[int]
) -> None:
    view = service.add_dataset(BLOB)
    wire.faults = [None]
    for cut in cuts:
        wire.faults += [cut_body_after(cut), None]  # the PUT, then the HEAD that asks how far it came
    wire.requests.clear()
    assert client.upload_blob(view.id, digest_of(BLOB), blob).complete
    assert bytes(service.blobs[view.id, digest_of(BLOB)][0]) == BLOB
    offsets = [int(request.headers["Upload-Offset"]) for request in wire.requests if request.method == "PUT"]
    assert offsets == sorted(offsets)


def test_complete_blob_is_not_sent_again(client: Client, service: SimulatedService, wire: Saboteur, blob: Path) -> None:
    view = service.add_dataset(BLOB)
    client.upload_blob(view.id, digest_of(BLOB), blob)
    wire.requests.clear()
    assert client.upload_blob(view.id, digest_of(BLOB), blob).complete
    assert wire.methods == ["HEAD"]


def test_upload_that_gets_nowhere_gives_up(
    client: Client, service: SimulatedService, wire: Saboteur, blob: Path
) -> None:
    view = service.add_dataset(BLOB)
    wire.faults = [None, *[refuse_connection, None] * 50]
    with pytest.raises(ServiceUnreachable):
        client.upload_blob(view.id, digest_of(BLOB), blob)
    assert len(wire.requests) < 20


def test_refused_blob_is_not_sent_again(client: Client, service: SimulatedService, wire: Saboteur, blob: Path) -> None:
    view = service.add_dataset(BLOB)
    blob.write_bytes(BLOB[::-1])
    with pytest.raises(ProblemError) as caught:
        client.upload_blob(view.id, digest_of(BLOB), blob)
    assert caught.value.code == "digest_mismatch" and wire.methods == ["HEAD", "PUT"]


def test_file_of_another_length_is_not_sent(
    client: Client, service: SimulatedService, wire: Saboteur, blob: Path
) -> None:
    view = service.add_dataset(BLOB)
    blob.write_bytes(BLOB[:-1])
    with pytest.raises(InvalidPackage):
        client.upload_blob(view.id, digest_of(BLOB), blob)
    assert wire.methods == ["HEAD"]


# Events


def test_job_is_watched_to_its_end(client: Client, service: SimulatedService) -> None:
    service.events = [step(1), None, step(2)]
    job = service.add_job(state="succeeded")
    assert [event.id for event in client.watch_job(job.id)] == [1, 2]


@pytest.mark.parametrize("cut", [0, 20, 60, 90, 130, 160])
def test_watching_survives_a_cut_and_shows_each_event_once(
    client: Client, service: SimulatedService, wire: Saboteur, cut: int
) -> None:
    service.events = [step(1), step(2), step(3)]
    job = service.add_job(state="succeeded")
    wire.faults = [None, cut_answer_after(cut)]
    assert [event.id for event in client.watch_job(job.id)] == [1, 2, 3]


def test_watching_goes_on_until_the_job_is_over(client: Client, service: SimulatedService, wire: Saboteur) -> None:
    job = service.add_job(state="running")
    service.events = [step(1)]
    seen = []
    for event in client.watch_job(job.id):
        seen.append(event.id)
        if event.id < 3:
            service.events.append(step(event.id + 1))
        else:
            service.jobs[job.id] = job.model_copy(update={"state": "succeeded"})
    assert seen == [1, 2, 3]


def test_watching_gives_up_without_a_service(client: Client, service: SimulatedService, wire: Saboteur) -> None:
    job = service.add_job()
    show: list[Fault | None] = [None, refuse_connection]
    wire.faults = show * 50
    with pytest.raises(ServiceUnreachable):
        list(client.watch_job(job.id))


def test_events_are_read_as_the_standard_says() -> None:
    lines = [": hello", "", "id:1", "event: a", 'data: {"x":"a:b"}', "", "retry: 9", "id: 2", "event: b", "data:{}", ""]
    assert list(read_events(lines)) == [
        JobEvent(id=1, event="a", data={"x": "a:b"}),
        JobEvent(id=2, event="b", data={}),
    ]


def test_unfinished_event_is_dropped() -> None:
    assert list(read_events(["id: 1", "event: a", "data: {}"])) == []


@pytest.mark.parametrize(
    "lines", [["id: 1", ""], ["id: x", "event: a", "data: {}", ""], ["id: 1", "event: a", "data: {", ""]]
)
def test_malformed_event_is_refused(lines: list[str]) -> None:
    with pytest.raises(UnexpectedAnswer):
        list(read_events(lines))
