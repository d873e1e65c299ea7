"""What is asked of a job, as far as its plan depends on it."""

from dataclasses import dataclass, fields
from typing import Any, Final

PRIVATE: Final = "private"
TO_OWNER: Final = "to_owner"
_ALWAYS: Final = frozenset({"algorithm", "epsilon", "delta", "purpose", "dual_evaluation", "release"})


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What is asked of a job. Settings that are None come from the algorithm's rule.

    Attributes:
        algorithm: one of `planning.ALGORITHMS`.
        epsilon: privacy of this job's releases together, at `delta`.
        delta: the failure probability that goes with epsilon.
        purpose: what the model is for.
        release: `private` (with noise), or `to_owner`: without, sealed to the data's owner.
        dual_evaluation: whether workers of two trust domains have to evaluate every step alike.
        steps: number of steps.
        radius: bound on the norm of the weights.
        learning_rate: step size.
        momentum: heavy-ball factor.
        hidden_units: units of a hidden layer.
        seed: declared seed of what begins at random.
    """

    algorithm: str
    epsilon: float
    delta: float
    purpose: str
    steps: int | None = None
    radius: float | None = None
    learning_rate: float | None = None
    momentum: float | None = None
    hidden_units: int | None = None
    seed: int | None = None
    dual_evaluation: bool = False
    release: str = PRIVATE

    @property
    def overrides(self) -> dict[str, Any]:
        """The settings that were asked for explicitly."""
        named = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _ALWAYS}
        return {name: value for name, value in named.items() if value is not None}
