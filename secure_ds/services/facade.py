"""All use cases with their context inside: what the API is handed."""

from collections.abc import Iterator
from typing import BinaryIO

from secure_ds.core.principal import Caller, Principal
from secure_ds.services import authenticate as authentication
from secure_ds.services import (
    cancel_job,
    create_collaboration,
    give_consent,
    quote_job,
    read_audit,
    read_collaborations,
    read_datasets,
    read_jobs,
    read_models,
    read_service,
    register_dataset,
    register_network,
    request_prediction,
    submit_job,
    upload,
    upload_prediction,
)
from secure_ds.services.context import ServiceContext
from secure_ds.wire.audit import AuditQuery, CheckpointView, ConsistencyProofView, EntryView, InclusionProofView
from secure_ds.wire.base import Page
from secure_ds.wire.collaborations import CollaborationCreate, CollaborationView, ConsentGive, ConsentView
from secure_ds.wire.datasets import BlobStatus, BudgetView, DatasetCreate, DatasetView, Envelope
from secure_ds.wire.jobs import JobEvent, JobSubmit, JobView, QuoteView, StepView, TrainingRequest
from secure_ds.wire.models import ModelView
from secure_ds.wire.predictions import NetworkCreate, NetworkView, PredictionCreate, PredictionView
from secure_ds.wire.service import ExplainRequest, ExplainView, KeyView, PolicySetView, PublicKeys, Readiness, WhoAmI


class Services:
    """Each method is the use case of the same name; see there for what it does and raises."""

    def __init__(self, context: ServiceContext) -> None:
        self._context = context

    def authenticate(self, bearer: str, /) -> Principal:
        return authentication.authenticate(self._context, bearer)

    def who_am_i(self, caller: Caller, /) -> WhoAmI:
        return authentication.who_am_i(caller)

    def readiness(self) -> Readiness:
        return read_service.readiness(self._context)

    def register_dataset(self, caller: Caller, body: DatasetCreate, idempotency_key: str | None, /) -> DatasetView:
        return register_dataset.register_dataset(self._context, caller, body, idempotency_key)

    def list_datasets(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[DatasetView]:
        return read_datasets.list_datasets(self._context, caller, cursor, limit)

    def show_dataset(self, caller: Caller, dataset_id: str, /) -> DatasetView:
        return read_datasets.show_dataset(self._context, caller, dataset_id)

    def show_descriptor(self, caller: Caller, dataset_id: str, /) -> Envelope:
        return read_datasets.show_descriptor(self._context, caller, dataset_id)

    def show_budget(self, caller: Caller, dataset_id: str, /) -> BudgetView:
        return read_datasets.show_budget(self._context, caller, dataset_id)

    def blob_status(self, caller: Caller, dataset_id: str, digest: str, /) -> BlobStatus:
        return upload.blob_status(self._context, caller, dataset_id, digest)

    def upload_blob(
        self, caller: Caller, dataset_id: str, digest: str, offset: int, stream: BinaryIO, length: int | None, /
    ) -> BlobStatus:
        return upload.upload_blob(self._context, caller, dataset_id, digest, offset, stream, length)

    def download_blob(self, caller: Caller, dataset_id: str, digest: str, /) -> Iterator[bytes]:
        return upload.download_blob(self._context, caller, dataset_id, digest)

    def finish_upload(self, caller: Caller, dataset_id: str, /) -> DatasetView:
        return upload.finish_upload(self._context, caller, dataset_id)

    def create_collaboration(
        self, caller: Caller, body: CollaborationCreate, idempotency_key: str | None, /
    ) -> CollaborationView:
        return create_collaboration.create_collaboration(self._context, caller, body, idempotency_key)

    def list_collaborations(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[CollaborationView]:
        return read_collaborations.list_collaborations(self._context, caller, cursor, limit)

    def show_collaboration(self, caller: Caller, collaboration_id: str, /) -> CollaborationView:
        return read_collaborations.show_collaboration(self._context, caller, collaboration_id)

    def show_statement(self, caller: Caller, collaboration_id: str, /) -> Envelope:
        return read_collaborations.show_statement(self._context, caller, collaboration_id)

    def download_group_file(self, caller: Caller, collaboration_id: str, digest: str, /) -> Iterator[bytes]:
        return read_collaborations.download_group_file(self._context, caller, collaboration_id, digest)

    def join_collaboration(self, caller: Caller, dataset_id: str, body: ConsentGive, /) -> ConsentView:
        return give_consent.join_collaboration(self._context, caller, dataset_id, body)

    def withdraw_from_collaboration(self, caller: Caller, dataset_id: str, body: ConsentGive, /) -> ConsentView:
        return give_consent.withdraw_from_collaboration(self._context, caller, dataset_id, body)

    def quote_job(self, caller: Caller, body: TrainingRequest, /) -> QuoteView:
        return quote_job.quote_job(self._context, caller, body)

    def submit_job(self, caller: Caller, body: JobSubmit, idempotency_key: str | None, /) -> JobView:
        return submit_job.submit_job(self._context, caller, body, idempotency_key)

    def list_jobs(self, caller: Caller, cursor: str | None, limit: int, dataset_id: str | None, /) -> Page[JobView]:
        return read_jobs.list_jobs(self._context, caller, cursor, limit, dataset_id)

    def show_job(self, caller: Caller, job_id: str, /) -> JobView:
        return read_jobs.show_job(self._context, caller, job_id)

    def cancel_job(self, caller: Caller, job_id: str, /) -> JobView:
        return cancel_job.cancel_job(self._context, caller, job_id)

    def job_events(self, caller: Caller, job_id: str, after: int, limit: int | None, /) -> Iterator[JobEvent | None]:
        return read_jobs.job_events(self._context, caller, job_id, after, limit)

    def list_steps(self, caller: Caller, job_id: str, /) -> Page[StepView]:
        return read_jobs.list_steps(self._context, caller, job_id)

    def list_models(self, caller: Caller, cursor: str | None, limit: int, /) -> Page[ModelView]:
        return read_models.list_models(self._context, caller, cursor, limit)

    def show_model(self, caller: Caller, model_id: str, /) -> ModelView:
        return read_models.show_model(self._context, caller, model_id)

    def download_weights(self, caller: Caller, model_id: str, /) -> bytes:
        return read_models.download_weights(self._context, caller, model_id)

    def download_certificate(self, caller: Caller, model_id: str, /) -> bytes:
        return read_models.download_certificate(self._context, caller, model_id)

    def register_network(self, caller: Caller, body: NetworkCreate, idempotency_key: str | None, /) -> NetworkView:
        return register_network.register_network(self._context, caller, body, idempotency_key)

    def show_network(self, caller: Caller, network_id: str, /) -> NetworkView:
        return register_network.show_network(self._context, caller, network_id)

    def download_network(self, caller: Caller, network_id: str, /) -> bytes:
        return register_network.download_network(self._context, caller, network_id)

    def request_prediction(
        self, caller: Caller, body: PredictionCreate, idempotency_key: str | None, /
    ) -> PredictionView:
        return request_prediction.request_prediction(self._context, caller, body, idempotency_key)

    def show_prediction(self, caller: Caller, prediction_id: str, /) -> PredictionView:
        return request_prediction.show_prediction(self._context, caller, prediction_id)

    def prediction_file_status(self, caller: Caller, prediction_id: str, digest: str, /) -> BlobStatus:
        return upload_prediction.prediction_file_status(self._context, caller, prediction_id, digest)

    def upload_prediction_file(
        self, caller: Caller, prediction_id: str, digest: str, offset: int, stream: BinaryIO, length: int | None, /
    ) -> BlobStatus:
        return upload_prediction.upload_prediction_file(
            self._context, caller, prediction_id, digest, offset, stream, length
        )

    def download_prediction_file(self, caller: Caller, prediction_id: str, digest: str, /) -> Iterator[bytes]:
        return upload_prediction.download_prediction_file(self._context, caller, prediction_id, digest)

    def list_keys(self, caller: Caller, /) -> Page[KeyView]:
        return read_service.list_keys(self._context, caller)

    def public_keys(self) -> PublicKeys:
        return read_service.public_keys(self._context)

    def show_policies(self, caller: Caller, /) -> PolicySetView:
        return read_service.show_policies(self._context, caller)

    def explain(self, caller: Caller, body: ExplainRequest, /) -> ExplainView:
        return read_service.explain(self._context, caller, body)

    def query_audit(self, caller: Caller, query: AuditQuery, /) -> Page[EntryView]:
        return read_audit.query_audit(self._context, caller, query)

    def export_audit(self, caller: Caller, form: str, /) -> Iterator[bytes]:
        return read_audit.export_audit(self._context, caller, form)

    def latest_checkpoint(self, caller: Caller, /) -> CheckpointView:
        return read_audit.latest_checkpoint(self._context, caller)

    def prove_inclusion(self, caller: Caller, index: int, size: int | None, /) -> InclusionProofView:
        return read_audit.prove_inclusion(self._context, caller, index, size)

    def prove_consistency(self, caller: Caller, old_size: int, new_size: int | None, /) -> ConsistencyProofView:
        return read_audit.prove_consistency(self._context, caller, old_size, new_size)
