"""Messages about networks and encrypted predictions."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from secure_ds.wire.base import Base64, Digest, Message, NetworkId, PredictionId, integral_only

Records = Annotated[int, Field(ge=1, le=1 << 15), BeforeValidator(integral_only)]


class NetworkCreate(Message):
    """Hand in a network for encrypted predictions."""

    name: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")
    file: Base64 = Field(min_length=16, max_length=12_000_000, description="the network: safetensors with JSON in them")


class NetworkView(Message):
    """A network; its file is a download of its own."""

    id: NetworkId
    tenant: str
    owner: str
    name: str
    digest: Digest
    n_inputs: int
    n_outputs: int
    levels: int = Field(description="data primes that a circuit for it needs at least")
    created_at: str


class PredictionCreate(Message):
    """Ask for a network to be applied to ciphertexts: one for each input number, all under the caller's own key."""

    network_id: NetworkId
    plan: dict[str, Any] = Field(description="parameters and scales, from the network's planner")
    n_records: Records
    key: Digest = Field(description="of the relinearisation keys")
    inputs: list[Digest] = Field(min_length=1, description="in the order of the input numbers")


class PredictionView(Message):
    """An encrypted prediction. Sizes follow from the plan."""

    id: PredictionId
    tenant: str
    network_id: NetworkId
    submitter: str
    state: str = Field(description="uploading, queued, done or failed")
    n_records: int
    files_missing: int
    bytes_up: int
    bytes_down: int
    outputs: list[Digest] = Field(description="in the order of the network's outputs, once it is done")
    seconds: float | None = Field(description="what the evaluation took")
    failure: str | None
    created_at: str
    finished_at: str | None
