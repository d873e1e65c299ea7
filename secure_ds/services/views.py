"""Rows as messages."""

from collections.abc import Sequence

from secure_ds.ckks.key_files import ROTATION
from secure_ds.ckks.network import Network
from secure_ds.core.clock import timestamp
from secure_ds.data.signed import CIPHERTEXT_KIND
from secure_ds.jobs.dataset_lifecycle import DatasetState
from secure_ds.jobs.prediction import OUTPUT
from secure_ds.store.rows import (
    BlobRow,
    CollaborationRow,
    DatasetSummary,
    JobRow,
    ModelRow,
    NetworkRow,
    PredictionRow,
    StepRow,
)
from secure_ds.store.unit_of_work import UnitOfWork
from secure_ds.wire.collaborations import CollaborationView, TakingPart
from secure_ds.wire.datasets import DatasetView, Refusal
from secure_ds.wire.jobs import JobView, StepView
from secure_ds.wire.models import ModelView
from secure_ds.wire.predictions import NetworkView, PredictionView

_VERIFIED = frozenset({DatasetState.READY, DatasetState.ROTATED})


def dataset_view(work: UnitOfWork, row: DatasetSummary) -> DatasetView:
    """A data set, with how much of it has arrived."""
    blobs = work.blobs.list(row.id)
    return DatasetView(
        id=row.id,
        tenant=row.tenant,
        owner=row.owner,
        name=row.name,
        state=row.state,
        sensitivity=row.sensitivity,
        n_records=row.n_records,
        n_features=row.n_features,
        feature_map=row.feature_map,
        purposes=sorted(row.purposes),
        parameters=row.parameters,
        descriptor_digest=row.descriptor_digest,
        created_at=timestamp(row.created_at),
        blobs_total=len(blobs),
        blobs_missing=sum(not blob.complete for blob in blobs),
        norms=_norms(row, blobs),
        rotation_key=next((blob.digest for blob in blobs if blob.kind == ROTATION), None),
        collaboration_id=row.collaboration_id,
        refusal=Refusal(code=row.refusal_code, detail=row.refusal_detail or "") if row.refusal_code else None,
    )


def _norms(row: DatasetSummary, blobs: Sequence[BlobRow]) -> str:
    """Statistics, known by their lack of evaluation keys, have no norms that could be verified."""
    if row.state not in _VERIFIED:
        return "pending"
    has_keys = row.collaboration_id is not None or any(blob.kind != CIPHERTEXT_KIND for blob in blobs)
    return "verified" if has_keys else "asserted"


def collaboration_view(row: CollaborationRow, data_sets: list[TakingPart]) -> CollaborationView:
    """A collaboration, with the data sets that take part."""
    return CollaborationView(
        id=row.id,
        tenant=row.tenant,
        name=row.name,
        members=sorted(row.members),
        purposes=sorted(row.purposes),
        n_features=row.n_features,
        feature_map=row.feature_map,
        parameters=row.parameters,
        statement_digest=row.statement_digest,
        created_at=timestamp(row.created_at),
        data_sets=data_sets,
    )


def job_view(row: JobRow, datasets: Sequence[DatasetSummary]) -> JobView:
    """A job, with the ids of its data sets."""
    return JobView(
        id=row.id,
        tenant=row.tenant,
        dataset_id=row.dataset_id,
        dataset_ids=[dataset.id for dataset in datasets],
        collaboration_id=row.collaboration_id,
        submitter=row.submitter,
        purpose=row.purpose,
        algorithm=row.algorithm,
        state=row.state,
        epsilon=row.epsilon,
        delta=row.delta,
        steps_total=row.steps_total,
        steps_done=row.steps_done,
        plan=row.plan,
        plan_digest=row.plan_digest,
        submitted_at=timestamp(row.submitted_at),
        finished_at=timestamp(row.finished_at) if row.finished_at else None,
        model_id=row.model_id,
        failure=row.failure,
        cancel_requested=row.cancel_requested,
    )


def step_view(row: StepRow) -> StepView:
    """A step of a job, with what it released."""
    return StepView(
        step=row.step,
        fence=row.fence,
        weights_digest=row.weights_digest,
        ciphertext_digest=row.ciphertext_digest,
        spent_units=str(row.units),
        answer=None if row.answer is None else [str(value) for value in row.answer],
        spent_at=timestamp(row.spent_at),
    )


def network_view(row: NetworkRow, network: Network) -> NetworkView:
    """A network."""
    return NetworkView(
        id=row.id,
        tenant=row.tenant,
        owner=row.owner,
        name=row.name,
        digest=row.digest,
        n_inputs=network.n_inputs,
        n_outputs=network.n_outputs,
        levels=network.levels,
        created_at=timestamp(row.created_at),
    )


def prediction_view(work: UnitOfWork, row: PredictionRow) -> PredictionView:
    """A prediction, with how much of it has arrived."""
    files = work.predictions.files(row.id)
    outputs = [file for file in files if file.kind == OUTPUT]
    sent = [file for file in files if file.kind != OUTPUT]
    return PredictionView(
        id=row.id,
        tenant=row.tenant,
        network_id=row.network_id,
        submitter=row.submitter,
        state=row.state,
        n_records=row.n_records,
        files_missing=sum(not file.complete for file in sent),
        bytes_up=sum(file.bytes for file in sent),
        bytes_down=sum(file.bytes for file in outputs),
        outputs=[file.digest for file in outputs],
        seconds=row.seconds,
        failure=row.failure,
        created_at=timestamp(row.created_at),
        finished_at=timestamp(row.finished_at) if row.finished_at else None,
    )


def model_view(row: ModelRow) -> ModelView:
    """A released model."""
    return ModelView(
        id=row.id,
        tenant=row.tenant,
        job_id=row.job_id,
        dataset_id=row.dataset_id,
        algorithm=row.algorithm,
        weights_digest=row.weights_digest,
        certificate_digest=row.certificate_digest,
        epsilon=row.epsilon,
        delta=row.delta,
        created_at=timestamp(row.created_at),
        card=row.card,
    )
