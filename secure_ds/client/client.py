"""The service as a Python object: one method for each operation of the REST API, typed at both ends.

Lists are followed across their pages; submissions carry an idempotency key, so a lost answer never means a second job;
downloads are compared with the digest they were asked for by.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from secure_ds.client.errors import SealedDataset, ServiceUnreachable, UnexpectedAnswer
from secure_ds.client.events import read_events
from secure_ds.client.http import ATTEMPTS, IDEMPOTENCY, Http, pauses
from secure_ds.client.uploads import Progress, Uploader
from secure_ds.core.digest import digest_bytes
from secure_ds.data.descriptor import DatasetDescriptor
from secure_ds.data.sealed.signed import is_sealed
from secure_ds.data.signed import open_own_descriptor
from secure_ds.jobs.lifecycle import JobState, is_final
from secure_ds.wire.audit import AuditQuery, CheckpointView, ConsistencyProofView, EntryView, InclusionProofView
from secure_ds.wire.base import Page
from secure_ds.wire.collaborations import CollaborationCreate, CollaborationView, ConsentGive, ConsentView
from secure_ds.wire.datasets import BlobStatus, BudgetView, DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import JobEvent, JobSubmit, JobView, QuoteView, StepView, TrainingRequest
from secure_ds.wire.models import ModelView
from secure_ds.wire.predictions import NetworkCreate, NetworkView, PredictionCreate, PredictionView
from secure_ds.wire.service import ExplainRequest, ExplainView, KeyView, PolicySetView, PublicKeys, Readiness, WhoAmI

PAGE_SIZE = 200
Model = TypeVar("Model", bound=BaseModel)
Item = TypeVar("Item", bound=BaseModel)


class Client:
    """One service, as one principal.

    Every method may raise `ProblemError`, `ServiceUnreachable` and `UnexpectedAnswer`.
    """

    def __init__(
        self,
        base_url: str,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; see `secure_ds.client.http.Http` for the arguments.

        Raises:
            InsecureAddress: the address is neither https nor on this machine.
        """
        self._http = Http(base_url, token, transport=transport, sleep=sleep)
        self._uploader = Uploader(self._http, sleep)
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    # The service itself

    def who_am_i(self) -> WhoAmI:
        """Return the caller as the service sees them."""
        return self._get(WhoAmI, "/v1/whoami")

    def readiness(self) -> Readiness:
        """Return which parts of the service answer."""
        return _parse(Readiness, self._http.request("GET", "/readyz", good=frozenset({200, 503})))

    def public_keys(self) -> PublicKeys:
        """Return the public keys as the service shows them now; trust only those that were pinned."""
        return self._get(PublicKeys, "/v1/keys/public")

    def keys(self) -> list[KeyView]:
        """Return the public facts of the service's keys."""
        return self._get(Page[KeyView], "/v1/keys").items

    def policies(self) -> PolicySetView:
        """Return the policies in force."""
        return self._get(PolicySetView, "/v1/policies")

    def explain(self, question: ExplainRequest) -> ExplainView:
        """Return what the policies would answer the caller."""
        return self._post(ExplainView, "/v1/policies/explain", question)

    # Data sets

    def register_dataset(self, body: DatasetCreate, idempotency_key: str | None = None) -> DatasetView:
        """Register a data set; its blobs follow with `upload_blob`."""
        return self._post(DatasetView, "/v1/datasets", body, idempotency_key or fresh_key())

    def datasets(self) -> Iterator[DatasetView]:
        """Yield the data sets that the caller may see."""
        return self._pages(Page[DatasetView], "/v1/datasets")

    def dataset(self, dataset_id: str) -> DatasetView:
        """Return a data set."""
        return self._get(DatasetView, f"/v1/datasets/{dataset_id}")

    def descriptor(self, dataset_id: str) -> DatasetDescriptor:
        """Return what a data set's owner signed, with the signature checked."""
        signed = self._get(Envelope, f"/v1/datasets/{dataset_id}/descriptor").model_dump_json().encode()
        if is_sealed(signed):
            raise SealedDataset(f"the records of {dataset_id} are sealed; this is for encrypted ones")
        return open_own_descriptor(signed)

    def budget(self, dataset_id: str) -> BudgetView:
        """Return what a data set may still release."""
        return self._get(BudgetView, f"/v1/datasets/{dataset_id}/budget")

    def blob_status(self, dataset_id: str, digest: str) -> BlobStatus:
        """Return how much of a blob has arrived."""
        return self._uploader.status(_blob(dataset_id, digest), digest)

    def upload_blob(
        self, dataset_id: str, digest: str, path: Path, progress: Progress = lambda sent: None
    ) -> BlobStatus:
        """Upload a file, resuming after interruptions.

        Raises:
            InvalidPackage: the file has another length than the service expects.
        """
        return self._uploader.upload(_blob(dataset_id, digest), digest, path, progress)

    def download_blob(self, dataset_id: str, digest: str) -> bytes:
        """Return a blob with its digest checked."""
        return _verified(self._http.request("GET", _blob(dataset_id, digest)).content, digest)

    def finish_upload(self, dataset_id: str) -> DatasetView:
        """Close an upload; the data set is checked next."""
        return self._post(DatasetView, f"/v1/datasets/{dataset_id}/finish")

    # Collaborations

    def create_collaboration(self, body: CollaborationCreate, idempotency_key: str | None = None) -> CollaborationView:
        """Call for a collaboration; its keys are made in the custodian."""
        return self._post(CollaborationView, "/v1/collaborations", body, idempotency_key or fresh_key())

    def collaborations(self) -> Iterator[CollaborationView]:
        """Yield the collaborations of the caller's tenant."""
        return self._pages(Page[CollaborationView], "/v1/collaborations")

    def collaboration(self, collaboration_id: str) -> CollaborationView:
        """Return a collaboration."""
        return self._get(CollaborationView, f"/v1/collaborations/{collaboration_id}")

    def statement(self, collaboration_id: str) -> bytes:
        """Return a collaboration's statement, an envelope; `secure_ds.client.group` says whether to believe it."""
        envelope = self._get(Envelope, f"/v1/collaborations/{collaboration_id}/statement")
        return envelope.model_dump_json().encode()

    def group_file(self, collaboration_id: str, digest: str) -> bytes:
        """Return one of a group's public files with its digest checked."""
        path = f"/v1/collaborations/{collaboration_id}/files/{digest}"
        return _verified(self._http.request("GET", path).content, digest)

    def join(self, dataset_id: str, consent: bytes) -> ConsentView:
        """Hand in an owner's signed consent."""
        return self._consent(dataset_id, "join", consent)

    def withdraw(self, dataset_id: str, consent: bytes) -> ConsentView:
        """Hand in an owner's signed withdrawal."""
        return self._consent(dataset_id, "withdraw", consent)

    # Jobs

    def quote(self, request: TrainingRequest) -> QuoteView:
        """Return what a job would cost, before anything is spent."""
        return self._post(QuoteView, "/v1/quotes", request)

    def submit_job(self, body: JobSubmit, idempotency_key: str | None = None) -> JobView:
        """Submit a job; repeating it with the same key returns the same job."""
        return self._post(JobView, "/v1/jobs", body, idempotency_key or fresh_key())

    def jobs(self, dataset_id: str | None = None) -> Iterator[JobView]:
        """Yield the jobs that the caller may see."""
        return self._pages(Page[JobView], "/v1/jobs", dataset_id=dataset_id)

    def job(self, job_id: str) -> JobView:
        """Return a job."""
        return self._get(JobView, f"/v1/jobs/{job_id}")

    def cancel_job(self, job_id: str) -> JobView:
        """Ask a job to stop."""
        return self._post(JobView, f"/v1/jobs/{job_id}/cancel")

    def steps(self, job_id: str) -> list[StepView]:
        """Return a job's released steps."""
        return self._get(Page[StepView], f"/v1/jobs/{job_id}/steps").items

    def watch_job(self, job_id: str, after: int = 0) -> Iterator[JobEvent]:
        """Yield a job's events after number `after` until the job is over, across lost connections, each event once.

        Raises:
            ServiceUnreachable: several connections in a row brought no event.
        """
        waits = pauses(ATTEMPTS)
        while True:
            over = is_final(JobState(self.job(job_id).state))
            try:
                for event in self._events(job_id, after):
                    after, waits = event.id, pauses(ATTEMPTS)
                    yield event
            except ServiceUnreachable:
                pause = next(waits)
                if pause is None:
                    raise
                self._sleep(pause)
            else:
                if over:
                    return

    # Models

    def models(self) -> Iterator[ModelView]:
        """Yield the models that the caller may see."""
        return self._pages(Page[ModelView], "/v1/models")

    def model(self, model_id: str) -> ModelView:
        """Return a model."""
        return self._get(ModelView, f"/v1/models/{model_id}")

    def download_weights(self, model: ModelView) -> bytes:
        """Return a model's weights (safetensors) with their digest checked."""
        return _verified(self._http.request("GET", f"/v1/models/{model.id}/weights").content, model.weights_digest)

    def download_certificate(self, model: ModelView) -> bytes:
        """Return a model's certificate (DSSE envelope); `secure_ds.client.verify` says what it is worth."""
        return self._http.request("GET", f"/v1/models/{model.id}/certificate").content

    # Encrypted predictions

    def register_network(self, body: NetworkCreate, idempotency_key: str | None = None) -> NetworkView:
        """Hand in a network."""
        return self._post(NetworkView, "/v1/networks", body, idempotency_key or fresh_key())

    def network(self, network_id: str) -> NetworkView:
        """Return a network."""
        return self._get(NetworkView, f"/v1/networks/{network_id}")

    def download_network(self, network: NetworkView) -> bytes:
        """Return a network's file with its digest checked."""
        return _verified(self._http.request("GET", f"/v1/networks/{network.id}/file").content, network.digest)

    def request_prediction(self, body: PredictionCreate, idempotency_key: str | None = None) -> PredictionView:
        """Announce a prediction; its files follow with `upload_prediction_file`."""
        return self._post(PredictionView, "/v1/predictions", body, idempotency_key or fresh_key())

    def prediction(self, prediction_id: str) -> PredictionView:
        """Return a prediction."""
        return self._get(PredictionView, f"/v1/predictions/{prediction_id}")

    def upload_prediction_file(self, prediction_id: str, digest: str, path: Path) -> BlobStatus:
        """Upload a file, resuming after interruptions."""
        return self._uploader.upload(_prediction_file(prediction_id, digest), digest, path, lambda sent: None)

    def download_prediction_file(self, prediction_id: str, digest: str) -> bytes:
        """Return an answer with its digest checked."""
        return _verified(self._http.request("GET", _prediction_file(prediction_id, digest)).content, digest)

    # Audit

    def audit_entries(self, query: AuditQuery) -> Iterator[EntryView]:
        """Yield every entry that matches, newest first; `query.cursor` and `query.limit` shape the pages only."""
        return self._pages(Page[EntryView], "/v1/audit/entries", **query.model_dump(exclude_none=True))

    def audit_page(self, query: AuditQuery) -> Page[EntryView]:
        """Return one page of entries."""
        return self._get(Page[EntryView], "/v1/audit/entries", **query.model_dump(exclude_none=True))

    def export_audit(self, form: str = "jsonl") -> Iterator[bytes]:
        """Yield the audit export in pieces.

        Raises:
            ServiceUnreachable: the connection broke; what came before is not the whole export.
        """
        with self._http.stream("/v1/audit/export", form=form) as answer:
            yield from answer.iter_bytes()

    def checkpoint(self) -> CheckpointView:
        """Return the latest signed checkpoint."""
        return self._get(CheckpointView, "/v1/audit/checkpoint")

    def prove_inclusion(self, index: int, size: int | None = None) -> InclusionProofView:
        """Return the proof that an entry is in the log of `size` entries."""
        return self._get(InclusionProofView, "/v1/audit/proofs/inclusion", index=index, size=size)

    def prove_consistency(self, old_size: int, new_size: int | None = None) -> ConsistencyProofView:
        """Return the proof that the log of `new_size` entries continues that of `old_size`."""
        return self._get(ConsistencyProofView, "/v1/audit/proofs/consistency", old_size=old_size, new_size=new_size)

    def _get(self, model: type[Model], path: str, **query: Any) -> Model:
        params = {name: value for name, value in query.items() if value is not None}
        return _parse(model, self._http.request("GET", path, params=params))

    def _post(
        self, model: type[Model], path: str, body: BaseModel | None = None, idempotency_key: str | None = None
    ) -> Model:
        headers = {IDEMPOTENCY: idempotency_key} if idempotency_key else {}
        content = body.model_dump_json(exclude_none=True).encode() if body else None
        if content:
            headers["Content-Type"] = "application/json"
        return _parse(model, self._http.request("POST", path, content=content, headers=headers))

    def _consent(self, dataset_id: str, act: str, consent: bytes) -> ConsentView:
        body = ConsentGive(envelope=Envelope.model_validate_json(consent))
        return self._post(ConsentView, f"/v1/datasets/{dataset_id}/{act}", body)

    def _pages(self, page: type[Page[Item]], path: str, **query: Any) -> Iterator[Item]:
        query = {"limit": PAGE_SIZE, **query}
        while True:
            found = self._get(page, path, **query)
            yield from found.items
            if found.next is None:
                return
            query["cursor"] = found.next

    def _events(self, job_id: str, after: int) -> Iterator[JobEvent]:
        with self._http.stream(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": str(after)}) as answer:
            yield from read_events(answer.iter_lines())


def fresh_key() -> str:
    """Return a new idempotency key."""
    return secrets.token_urlsafe(24)


def _blob(dataset_id: str, digest: str) -> str:
    return f"/v1/datasets/{dataset_id}/blobs/{digest}"


def _prediction_file(prediction_id: str, digest: str) -> str:
    return f"/v1/predictions/{prediction_id}/files/{digest}"


def _parse(model: type[Model], answer: httpx.Response) -> Model:
    try:
        return model.model_validate_json(answer.content)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
        raise UnexpectedAnswer(
            f"the answer is not a {model.__name__} of this version ({where}); do client and service fit each other?"
        ) from None


def _verified(content: bytes, digest: str) -> bytes:
    if digest_bytes(content) != digest:
        raise UnexpectedAnswer("the bytes that came have another digest than those that were asked for")
    return content
