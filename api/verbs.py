"""Everything the HTTP layer may do: the one seam between it and the use cases, or a simulator of them.

Every method may raise a `ServiceError`. Lists and views hold only what the caller may see.
"""

from collections.abc import Iterator
from typing import BinaryIO, Protocol

from secure_ds.core.principal import Caller, Principal
from secure_ds.wire.audit import AuditQuery, CheckpointView, ConsistencyProofView, EntryView, InclusionProofView
from secure_ds.wire.base import Page
from secure_ds.wire.collaborations import CollaborationCreate, CollaborationView, ConsentGive, ConsentView
from secure_ds.wire.datasets import BlobStatus, BudgetView, DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import JobEvent, JobSubmit, JobView, QuoteView, StepView, TrainingRequest
from secure_ds.wire.models import ModelView
from secure_ds.wire.predictions import NetworkCreate, NetworkView, PredictionCreate, PredictionView
from secure_ds.wire.service import ExplainRequest, ExplainView, KeyView, PolicySetView, PublicKeys, Readiness, WhoAmI


class Verbs(Protocol):
    """The use cases, with their context already inside."""

    def authenticate(self, bearer: str, /) -> Principal:
        """Return whom a bearer token stands for."""
        ...

    def who_am_i(self, caller: Caller, /) -> WhoAmI:
        """Return the caller as the service sees them."""
        ...

    def readiness(self) -> Readiness:
        """Tell which parts of the service answer."""
        ...

    def register_dataset(self, caller: Caller, body: DatasetCreate, idempotency_key: str | None, /) -> DatasetView:
        """Register a data set from its signed descriptor."""
        ...

    def list_datasets(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[DatasetView]:
        """Return one page of data sets."""
        ...

    def show_dataset(self, caller: Caller, dataset_id: str, /) -> DatasetView:
        """Return one data set."""
        ...

    def show_descriptor(self, caller: Caller, dataset_id: str, /) -> Envelope:
        """Return the descriptor as its owner signed it."""
        ...

    def show_budget(self, caller: Caller, dataset_id: str, /) -> BudgetView:
        """Return what a data set may still release."""
        ...

    def blob_status(self, caller: Caller, dataset_id: str, digest: str, /) -> BlobStatus:
        """Tell how much of a blob has arrived."""
        ...

    def upload_blob(
        self, caller: Caller, dataset_id: str, digest: str, offset: int, stream: BinaryIO, length: int | None, /
    ) -> BlobStatus:
        """Append bytes to a blob.

        A `stream` shorter than `length` is a dropped connection: what arrived is kept, and the status says how much.
        """
        ...

    def download_blob(self, caller: Caller, dataset_id: str, digest: str, /) -> Iterator[bytes]:
        """Return a blob in pieces."""
        ...

    def finish_upload(self, caller: Caller, dataset_id: str, /) -> DatasetView:
        """Close an upload and queue its check."""
        ...

    def create_collaboration(
        self, caller: Caller, body: CollaborationCreate, idempotency_key: str | None, /
    ) -> CollaborationView:
        """Call for a collaboration."""
        ...

    def list_collaborations(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[CollaborationView]:
        """Return one page of collaborations."""
        ...

    def show_collaboration(self, caller: Caller, collaboration_id: str, /) -> CollaborationView:
        """Return one collaboration."""
        ...

    def show_statement(self, caller: Caller, collaboration_id: str, /) -> Envelope:
        """Return the statement that the custodian signed."""
        ...

    def download_group_file(self, caller: Caller, collaboration_id: str, digest: str, /) -> Iterator[bytes]:
        """Return one of the group's public files, in pieces."""
        ...

    def join_collaboration(self, caller: Caller, dataset_id: str, body: ConsentGive, /) -> ConsentView:
        """Let a data set take part."""
        ...

    def withdraw_from_collaboration(self, caller: Caller, dataset_id: str, body: ConsentGive, /) -> ConsentView:
        """Take that consent back."""
        ...

    def quote_job(self, caller: Caller, body: TrainingRequest, /) -> QuoteView:
        """Return what a job would cost."""
        ...

    def submit_job(self, caller: Caller, body: JobSubmit, idempotency_key: str | None, /) -> JobView:
        """Admit a job and reserve its budget."""
        ...

    def list_jobs(self, caller: Caller, cursor: str | None, limit: int, dataset_id: str | None, /) -> Page[JobView]:
        """Return one page of jobs."""
        ...

    def show_job(self, caller: Caller, job_id: str, /) -> JobView:
        """Return one job."""
        ...

    def cancel_job(self, caller: Caller, job_id: str, /) -> JobView:
        """Ask a job to stop."""
        ...

    def job_events(self, caller: Caller, job_id: str, after: int, limit: int | None, /) -> Iterator[JobEvent | None]:
        """Follow a job after event number `after`, to its end; `None` means nothing new at the moment."""
        ...

    def list_steps(self, caller: Caller, job_id: str, /) -> Page[StepView]:
        """Return a job's released steps."""
        ...

    def list_models(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[ModelView]:
        """Return one page of models."""
        ...

    def show_model(self, caller: Caller, model_id: str, /) -> ModelView:
        """Return one model."""
        ...

    def download_weights(self, caller: Caller, model_id: str, /) -> bytes:
        """Return a model's weights (safetensors)."""
        ...

    def download_certificate(self, caller: Caller, model_id: str, /) -> bytes:
        """Return a model's certificate (DSSE envelope, JSON)."""
        ...

    def register_network(self, caller: Caller, body: NetworkCreate, idempotency_key: str | None, /) -> NetworkView:
        """Store a network."""
        ...

    def show_network(self, caller: Caller, network_id: str, /) -> NetworkView:
        """Return one network."""
        ...

    def download_network(self, caller: Caller, network_id: str, /) -> bytes:
        """Return a network's file (safetensors)."""
        ...

    def request_prediction(
        self, caller: Caller, body: PredictionCreate, idempotency_key: str | None, /
    ) -> PredictionView:
        """Announce a prediction."""
        ...

    def show_prediction(self, caller: Caller, prediction_id: str, /) -> PredictionView:
        """Return one prediction."""
        ...

    def prediction_file_status(self, caller: Caller, prediction_id: str, digest: str, /) -> BlobStatus:
        """Tell how much of a file has arrived."""
        ...

    def upload_prediction_file(
        self, caller: Caller, prediction_id: str, digest: str, offset: int, stream: BinaryIO, length: int | None, /
    ) -> BlobStatus:
        """Append bytes to a file; a short `stream` is a dropped connection, as with blobs."""
        ...

    def download_prediction_file(self, caller: Caller, prediction_id: str, digest: str, /) -> Iterator[bytes]:
        """Return an answer in pieces."""
        ...

    def list_keys(self, caller: Caller, /) -> Page[KeyView]:
        """Return the public facts of the service's keys."""
        ...

    def public_keys(self) -> PublicKeys:
        """Return the public keys that clients pin."""
        ...

    def show_policies(self, caller: Caller, /) -> PolicySetView:
        """Return the policies in force."""
        ...

    def explain(self, caller: Caller, body: ExplainRequest, /) -> ExplainView:
        """Say what the policies would answer the caller."""
        ...

    def query_audit(self, caller: Caller, query: AuditQuery, /) -> Page[EntryView]:
        """Return one page of audit entries."""
        ...

    def export_audit(self, caller: Caller, form: str, /) -> Iterator[bytes]:
        """Return the audit export in pieces."""
        ...

    def latest_checkpoint(self, caller: Caller, /) -> CheckpointView:
        """Return the latest signed checkpoint."""
        ...

    def prove_inclusion(self, caller: Caller, index: int, size: int | None, /) -> InclusionProofView:
        """Prove that an entry is in the log."""
        ...

    def prove_consistency(self, caller: Caller, old_size: int, new_size: int | None, /) -> ConsistencyProofView:
        """Prove that the log was only appended to."""
        ...
