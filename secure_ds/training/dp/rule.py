"""What is not asked for: settings in public numbers alone, fixed before any record is read.

Common values of the field, not tuned on any data set.
"""

from dataclasses import dataclass
from math import ceil, sqrt
from typing import Any, Final

from secure_ds.privacy.errors import PlanRefused

MAX_STEPS: Final = 4096
MAX_CANARIES: Final = 100_000
LEAST_CLIP, MOST_CLIP = 1e-3, 1e6
WEIGHT_DECAY: Final = 0.01  # of dp_adamw
_EPOCHS: Final = 30
_LEARNING_RATE: Final = {"dp_sgd": 2.0, "dp_adam": 2e-3, "dp_adamw": 2e-3}
_CLIP: Final = {"classify": 0.5, "causal_lm": 1.0}


@dataclass(frozen=True, slots=True)
class Defaults:
    """Settings that a rule chose."""

    batch_size: int
    steps: int


def sizes(n_units: int, batch_size: int | None, steps: int | None) -> Defaults:
    """Return expected units of a step, some 8 sqrt(n), and steps, some 30 passes."""
    batch = min(n_units, max(16, ceil(8 * sqrt(n_units)))) if batch_size is None else batch_size
    rounds = max(50, round(_EPOCHS * n_units / batch))
    return Defaults(batch, min(MAX_STEPS, rounds) if steps is None else steps)


def learning_rate(optimiser: str) -> float:
    """Return the step size of an optimiser."""
    return _LEARNING_RATE[optimiser]


def l2_norm_clip(task: str) -> float:
    """Return the clipping norm for a task."""
    return _CLIP[task]


def model_for(schema: dict[str, Any], n_features: int) -> dict[str, Any]:
    """Return the configuration of a model for records of a schema, of so many features a row.

    Raises:
        PlanRefused: ``no_model``: there is none for that kind of records.
    """
    match schema.get("kind"):
        case "table":
            n_classes = len(schema["label"]["classes"])
            return {
                "family": "mlp",
                "task": "classify",
                "n_inputs": n_features,
                "hidden": [64],
                "n_classes": n_classes,
            }
        case "images":
            return {
                "family": "cnn",
                "task": "classify",
                **{name: schema[name] for name in ("channels", "height", "width")},
                "widths": [16, 32],
                "n_classes": len(schema["label"]["classes"]),
            }
        case "tokens":
            return {
                "family": "transformer",
                "task": "causal_lm",
                "vocabulary": schema["vocabulary"],
                "context": schema["context"],
                "layers": 2,
                "width": 64,
                "heads": 4,
                "tied": True,
            }
    raise PlanRefused("no_model", f"there is no model for records of kind {schema.get('kind')!r}")
