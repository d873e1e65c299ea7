"""Messages about quotes and jobs."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from secure_ds.wire.base import (
    CollaborationId,
    DatasetId,
    Delta,
    Digest,
    Epsilon,
    JobId,
    Message,
    ModelId,
    PageQuery,
    Purpose,
    Steps,
    count_from_text,
    integral_only,
    number_only,
)

# The bounds stand before the validator: behind it they would vanish from the JSON schema.
Release = Literal["private", "to_owner"]
Radius = Annotated[float, Field(gt=0, le=4096), BeforeValidator(number_only)]
LearningRate = Annotated[float, Field(gt=0, le=100_000), BeforeValidator(number_only)]
Momentum = Annotated[float, Field(ge=0, lt=1), BeforeValidator(number_only)]
HiddenUnits = Annotated[int, Field(ge=1, le=64), BeforeValidator(integral_only)]
Seed = Annotated[int, Field(ge=0, lt=2**32), BeforeValidator(integral_only)]
Algorithm = Literal[
    "encrypted_logistic_regression",
    "encrypted_softmax_regression",
    "encrypted_least_squares",
    "encrypted_hidden_layer_network",
    "sealed_dp_sgd",
]
SEALED: Final = "sealed_dp_sgd"


_ONE_KIND_OF_DATA: Final[dict[str, Any]] = {  # the rule of `_names_its_data`, as JSON Schema has it
    "oneOf": [
        {
            "required": ["dataset_id"],
            "properties": {
                "dataset_id": {"type": "string"},
                "collaboration_id": {"type": "null"},
                "dataset_ids": {"type": "null"},
            },
        },
        {
            "required": ["collaboration_id"],
            "properties": {"collaboration_id": {"type": "string"}, "dataset_id": {"type": "null"}},
        },
    ]
}


class SealedTraining(Message):
    """What to train on a sealed data set. Settings left out come from a rule in public numbers."""

    model: dict[str, Any] | None = Field(
        default=None, description="configuration of the model, with its family under `kind`: mlp, cnn or transformer"
    )
    batch_size: Annotated[int, Field(ge=1, le=2**24), BeforeValidator(integral_only)] | None = Field(
        default=None, description="expected privacy units of a step"
    )
    l2_norm_clip: Annotated[float, Field(ge=1e-3, le=1e6), BeforeValidator(number_only)] | None = None
    clipping: Literal["flat", "automatic"] | None = None
    optimiser: Literal["dp_sgd", "dp_adam", "dp_adamw"] | None = None
    sampler: Literal["poisson", "truncated_poisson"] | None = None
    canaries: Annotated[int, Field(ge=0, le=100_000), BeforeValidator(integral_only)] = Field(
        default=0, description="canaries of a one-run audit; their lower bound goes on the certificate"
    )


class TrainingRequest(Message):
    """What to train and what it may cost. Settings left out come from the algorithm's rule in public numbers.

    The data is one data set, or those of a collaboration: all that take part now, or the ones named.
    """

    model_config = ConfigDict(json_schema_extra=_ONE_KIND_OF_DATA)

    dataset_id: DatasetId | None = None
    collaboration_id: CollaborationId | None = None
    dataset_ids: list[DatasetId] | None = Field(default=None, min_length=1, max_length=64)
    algorithm: Algorithm = "encrypted_logistic_regression"
    purpose: Purpose
    epsilon: Epsilon
    delta: Delta
    steps: Steps | None = None
    radius: Radius | None = None
    learning_rate: LearningRate | None = None
    momentum: Momentum | None = None
    hidden_units: HiddenUnits | None = None
    seed: Seed | None = Field(default=None, description="public: what a network begins with follows from it")
    release: Release = Field(
        default="private",
        description="`to_owner`, of least squares alone: statistics without noise, sealed to the results key that the"
        " data set's owner named, who alone may ask; epsilon and delta then mean nothing",
    )
    sealed: SealedTraining | None = Field(default=None, description="of `sealed_dp_sgd` alone")
    dual_evaluation: StrictBool = Field(
        default=False, description="whether workers of two trust domains must evaluate every step alike"
    )

    @model_validator(mode="after")
    def _names_its_data(self) -> Self:
        if (self.dataset_id is None) == (self.collaboration_id is None):
            raise ValueError("name either a data set or a collaboration")
        if self.dataset_ids is not None and self.collaboration_id is None:
            raise ValueError("several data sets are trained on in a collaboration only; name it")
        return self


class QuoteView(Message):
    """The cost of a job before anything is spent."""

    admissible: bool
    refusals: list[str] = Field(description="why it would be refused now, in words; empty when admissible")
    plan: dict[str, Any] | None = Field(description="the frozen plan, as it would be signed; null where none exists")
    plan_digest: Digest | None
    epsilon: float
    delta: float
    epsilon_left: float | None = Field(description="of data sets of your own tenant; null where none is in the job")
    epsilon_charged: float | None = Field(
        description="what the job would use up; less than asked where flooding adds noise"
    )
    steps: int | None
    sigma: float | None = Field(description="noise standard deviation, in units of the released sums")
    sensitivity: float | None
    statistical_bits: float | None = Field(description="s: statistical security of tau answers with this job's noise")
    tau: int | None = Field(
        description="answers that may ever be given about the records, under this key and earlier ones; null where"
        " records are sealed, not encrypted"
    )
    dual_evaluation: bool = Field(description="whether every step needs workers of two trust domains")
    decryptions_needed: int | None
    decryptions_left: int | None
    levels: int | None
    blob_bytes: int = Field(description="bytes of the data set's ciphertexts and evaluation keys")
    answer_bytes: int | None = Field(description="bytes of the packed ciphertexts that a step sends to the custodian")
    seconds_estimate: float | None


class JobSubmit(TrainingRequest):
    """Submit a job; `plan_digest`, when given, must be that of the quote, so that nothing has changed since."""

    plan_digest: Digest | None = None


class JobQuery(PageQuery):
    """Which jobs to list."""

    dataset_id: DatasetId | None = None


class JobView(Message):
    """A job as its readers see it."""

    id: JobId
    tenant: str
    dataset_id: DatasetId = Field(description="the first of its data sets, and outside a collaboration the only one")
    dataset_ids: list[DatasetId]
    collaboration_id: CollaborationId | None = None
    submitter: str
    purpose: str
    algorithm: str
    state: str
    epsilon: float
    delta: float
    steps_total: int
    steps_done: int
    plan: dict[str, Any]
    plan_digest: Digest
    submitted_at: str
    finished_at: str | None = None
    model_id: ModelId | None = None
    failure: str | None = None
    cancel_requested: bool = False


class StepView(Message):
    """One released step: enough to recompute its ciphertext (`secure-ds job recheck`)."""

    step: int
    fence: int
    weights_digest: Digest
    ciphertext_digest: Digest
    spent_units: str
    answer: list[str] | None = Field(description="noisy sums on the public grid, integers as text; null before")
    spent_at: str


class EventQuery(Message):
    """How many events of a stream to send at most; without a limit, all until the job ends."""

    limit: Annotated[int, Field(ge=1, le=10_000), BeforeValidator(count_from_text)] | None = None


class JobEvent(Message):
    """One server-sent event of a job's stream."""

    id: int
    event: str
    data: dict[str, Any]
