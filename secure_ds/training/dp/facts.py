"""What a plan for sealed records follows from: what the owner signed, and what was asked."""

from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class SealedFacts:
    """The part of a sealed descriptor that the plan depends on.

    Attributes:
        dataset_id: id of the data set.
        descriptor_digest: of the whole descriptor.
        n_rows: rows, public.
        n_units: privacy units, public.
        rows_per_unit: most rows of one unit.
        unit: "record" or "user".
        schema: what the rows are, JSON.
        n_features: numbers, or tokens, of one row of inputs.
        limit_epsilon: for everything ever released.
        limit_delta: the other half of that limit.
        orders: Renyi orders that the ledger counts at.
    """

    dataset_id: str
    descriptor_digest: str
    n_rows: int
    n_units: int
    rows_per_unit: int
    unit: str
    schema: dict[str, Any]
    n_features: int
    limit_epsilon: float
    limit_delta: float
    orders: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "orders": list(self.orders)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(**{**value, "orders": tuple(value["orders"])})


@dataclass(frozen=True)
class DpRequest:
    """What is asked of a job on sealed records. Settings that are None come from the rule.

    Attributes:
        algorithm: "sealed_dp_sgd".
        epsilon: privacy of this job's releases together, at `delta`.
        delta: the failure probability that goes with epsilon.
        purpose: what the model is for.
        model: configuration of the model, JSON.
        steps: number of steps.
        batch_size: expected units of a step.
        learning_rate: step size.
        l2_norm_clip: bound on the norm of each unit's gradient.
        optimiser: "dp_sgd", "dp_adam" or "dp_adamw".
        clipping: "flat" or "automatic".
        sampler: "poisson" or "truncated_poisson".
        seed: public seed of the weights that training begins with.
        canaries: of a one-run audit.
    """

    algorithm: str
    epsilon: float
    delta: float
    purpose: str
    model: dict[str, Any] | None = None
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    l2_norm_clip: float | None = None
    optimiser: str | None = None
    clipping: str | None = None
    sampler: str | None = None
    seed: int | None = None
    canaries: int = 0
