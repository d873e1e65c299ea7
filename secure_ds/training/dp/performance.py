"""What changes the speed of DP training and nothing else. Pure: no torch.

Rules: never signed, never on a certificate; any two values of it give the same mechanism, up to the rounding of the
arithmetic that clips in float32 whatever the precision of the forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

EngineKind = Literal["bookkeeping", "ghost", "hooks"]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16"]

MAX_MICRO_BATCH: Final = 2**20


class InvalidPerformance(ValueError):
    """A speed setting is out of range."""

    code = "invalid_performance"


@dataclass(frozen=True, slots=True)
class Performance:
    """How to run a plan.

    Attributes:
        engine: ours ("bookkeeping"), or Opacus's ghost clipping or hooks.
        device: "auto" takes CUDA where there is one.
        precision: of the forward and backward pass; norms, clipping and sums are float32.
        micro_batch: most privacy units in one pass; a batch is the sum of its passes.
        compile: whether to run the model through `torch.compile`; the first passes then take minutes, and the graph is
            cut at every trainable layer, so that only long stretches between them gain.
        processes: data-parallel processes.

    Raises:
        InvalidPerformance: a field is out of range.
    """

    engine: EngineKind = "bookkeeping"
    device: Device = "auto"
    precision: Precision = "float32"
    micro_batch: int = 64
    compile: bool = False
    processes: int = 1

    def __post_init__(self) -> None:
        _one_of("engine", self.engine, get_args(EngineKind))
        _one_of("device", self.device, get_args(Device))
        _one_of("precision", self.precision, get_args(Precision))
        for name, most in (("micro_batch", MAX_MICRO_BATCH), ("processes", 1024)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
                raise InvalidPerformance(f"{name} must be a whole number from 1 to {most}, got {value!r}")
        if not isinstance(self.compile, bool):
            raise InvalidPerformance(f"compile must be true or false, got {self.compile!r}")


def _one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidPerformance(f"{name} must be one of {', '.join(choices)}, got {value!r}")
