"""Messages about trained models."""

from typing import Any

from secure_ds.wire.base import DatasetId, Digest, JobId, Message, ModelId


class ModelView(Message):
    """A released model; the weights and the certificate are downloads of their own."""

    id: ModelId
    tenant: str
    job_id: JobId
    dataset_id: DatasetId
    algorithm: str
    weights_digest: Digest
    certificate_digest: Digest | None
    epsilon: float
    delta: float
    created_at: str
    card: dict[str, Any]
