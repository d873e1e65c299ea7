"""Clipped sums against the plain training step: seconds and memory, our engine beside Opacus's two, in one run.

A step is forward, backward and a plain SGD update on one batch, weights untied so that every engine takes the model.
Engines take turns, and a ratio is the median over turns of an engine's seconds by the plain step's of the same turn:
load that comes and goes counts for both sides. Records are random: no timing depends on their values.

Peak memory is the largest resident size (VmHWM) of a child process that imports the same modules and runs a few
steps of one kind; the target holds for the whole process, and what the steps added is reported.

With CUDA, the same at about 100 M parameters in bfloat16: tokens a second, and the share of the matrix rate that one
large bfloat16 product reaches on the card; memory is then what torch allocated at most.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import torch

from benchmarks.rows import Row
from secure_ds.models.build import build_model
from secure_ds.models.registry import config_from_json
from secure_ds.training.dp.batch import Batch
from secure_ds.training.dp.engine import make_engine
from secure_ds.training.dp.losses import row_losses
from secure_ds.training.dp.performance import EngineKind, Performance, Precision

PLAIN: Final = "plain"
ENGINES: Final[tuple[EngineKind, ...]] = ("bookkeeping", "hooks", "ghost")
LEARNING_RATE: Final = 1e-4
TURNS, WARM_UP, MEMORY_STEPS = 15, 2, 5
MEMORY_LIMIT: Final = 1.3

Step = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Clipping:
    """What the engines are given."""

    l2_norm_clip: float = 1.0
    kind: str = "flat"


@dataclass(frozen=True, slots=True)
class Workload:
    """A model and the batch of its step.

    Attributes:
        name: in the rows.
        config: of the model.
        rows: of the batch; one pass takes them all.
        limit: target for our engine's step, in plain steps; None for a report.
        engines: those measured beside the plain step.
    """

    name: str
    config: Mapping[str, Any]
    rows: int
    limit: float | None
    engines: tuple[EngineKind, ...] = ENGINES


def language_model(vocabulary: int, context: int, layers: int, width: int, heads: int) -> dict[str, Any]:
    """Return the configuration of a transformer with its own output head."""
    sizes = {"vocabulary": vocabulary, "context": context, "layers": layers, "width": width, "heads": heads}
    return {"family": "transformer", "task": "causal_lm", "tied": False, **sizes}


IMAGES: Final = {"family": "cnn", "task": "classify", "channels": 1, "height": 28, "width": 28, "widths": [16, 32]}
SMALL: Final = {
    "transformer": Workload("transformer, 32 x 128 tokens", language_model(256, 128, 4, 192, 6), 32, 1.30),
    "cnn": Workload("CNN, 256 images of 28 x 28", IMAGES | {"n_classes": 10}, 256, 1.50),
}
LARGE: Final = Workload("transformer on CUDA", language_model(16_384, 512, 12, 768, 12), 32, None, ("bookkeeping",))


def run() -> list[Row]:
    """Measure on this machine's cores, and on its GPU where there is one."""
    rows = [row for name, workload in SMALL.items() for row in _time_rows(workload) + _memory_rows(name, workload)]
    return rows + (_cuda_rows() if torch.cuda.is_available() else [])


def make_step(workload: Workload, kind: str, device: str, precision: Precision = "float32") -> Step:
    """Return one training step of a kind, `plain` or an engine's, on a model and batch of its own."""
    model = build_model(config_from_json(workload.config), seed=0).to(device)
    batch, task = _batch(workload).to(torch.device(device)), workload.config["task"]
    if kind == PLAIN:
        return lambda: _plain_step(model, task, batch, precision)
    settings = Performance(device="cuda" if device == "cuda" else "cpu", precision=precision, micro_batch=workload.rows)
    engine = make_engine(next(each for each in ENGINES if each == kind), model, task, Clipping(), settings)
    parameters = dict(model.named_parameters())

    def step() -> None:
        sums = engine.clipped_sum(batch)
        with torch.no_grad():
            for name, total in sums.items():
                parameters[name].add_(total, alpha=-LEARNING_RATE / workload.rows)

    return step


def _plain_step(model: torch.nn.Module, task: str, batch: Batch, precision: Precision) -> None:
    with torch.autocast(batch.weights.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        outputs = model(batch.inputs)
    row_losses(task)(outputs, batch.targets).mean().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.add_(parameter.grad, alpha=-LEARNING_RATE)
    model.zero_grad()


def _batch(workload: Workload) -> Batch:
    generator, config, rows = torch.Generator().manual_seed(1), workload.config, workload.rows
    weights = torch.ones(rows)
    if config["family"] == "transformer":
        ids = torch.randint(config["vocabulary"], (rows, config["context"] + 1), generator=generator)
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), weights)
    images = torch.randn(rows, config["channels"], config["height"], config["width"], generator=generator)
    return Batch(images, torch.randint(config["n_classes"], (rows,), generator=generator), weights)


def take_turns(steps: Mapping[str, Step], turns: int) -> dict[str, list[float]]:
    """Return the seconds of each kind of step in each turn."""
    seconds: dict[str, list[float]] = {kind: [] for kind in steps}
    for turn in range(WARM_UP + turns):
        for kind, step in steps.items():
            taken = _timed(step)
            if turn >= WARM_UP:
                seconds[kind].append(taken)
    return seconds


def _timed(step: Step) -> float:
    _wait()
    started = time.perf_counter()
    step()
    _wait()
    return time.perf_counter() - started


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _time_rows(workload: Workload) -> list[Row]:
    kinds = (PLAIN, *workload.engines)
    seconds = take_turns({kind: make_step(workload, kind, "cpu") for kind in kinds}, TURNS)
    plain = median(seconds[PLAIN])
    rows = [Row(f"{workload.name}: plain step", plain, "s")]
    for kind in workload.engines:
        times = median(taken / base for taken, base in zip(seconds[kind], seconds[PLAIN], strict=True))
        limit = workload.limit if kind == "bookkeeping" else None
        rows.append(_held(f"{workload.name}: {kind}, in plain steps", times, "1", f"plain step {plain:.3g} s", limit))
    return rows


def _held(name: str, value: float, unit: str, against: str, limit: float | None) -> Row:
    target = None if limit is None else f"at most {limit:g}"
    return Row(name, value, unit, against, 1 / value, target, None if limit is None else value <= limit)


def _memory_rows(name: str, workload: Workload) -> list[Row]:
    plain, plain_added = _child_memory(name, PLAIN)
    rows = [Row(f"{workload.name}: peak memory of plain steps", plain, "MiB")]
    for kind in workload.engines:
        peak, added = _child_memory(name, kind)
        limit = MEMORY_LIMIT if kind == "bookkeeping" else None
        title = f"{workload.name}: peak memory with {kind}, by that of plain steps"
        rows.append(_held(title, peak / plain, "1", f"plain steps {plain:.3g} MiB", limit))
        if plain_added:  # else the plain steps stayed below what importing took
            rows.append(Row("  what steps added to the process, the same way", added / plain_added, "1"))
    return rows


def _child_memory(name: str, kind: str) -> tuple[float, float]:
    """Return a child's peak, and what its steps added, in MiB."""
    command = [sys.executable, "-m", "benchmarks.dp_engine", name, kind]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    peak, before = map(float, answer.stdout.split())
    return peak, peak - before


def _measure_memory(name: str, kind: str) -> None:
    step = make_step(SMALL[name], kind, "cpu")
    before = _peak()
    for _ in range(MEMORY_STEPS):
        step()
    print(_peak(), before)


def _peak() -> float:
    """Largest resident size of this program in MiB; `ru_maxrss` would begin with that of the process that forked it."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def _cuda_rows() -> list[Row]:
    rate, rows = _matrix_rate(), []
    config = LARGE.config
    tokens = LARGE.rows * config["context"]
    n_parameters = sum(each.numel() for each in build_model(config_from_json(config), 0).parameters())
    for kind in (PLAIN, *LARGE.engines):
        torch.cuda.reset_peak_memory_stats()
        seconds = median(take_turns({kind: make_step(LARGE, kind, "cuda", "bfloat16")}, TURNS)[kind])
        name = f"{LARGE.name}, {n_parameters / 1e6:.0f} M parameters: {kind}"
        share = 100 * 6 * n_parameters * tokens / seconds / rate  # 6 operations a parameter and token, both ways
        rows += [
            Row(f"{name}, tokens a second", tokens / seconds, "1/s"),
            Row(f"{name}, share of the card's bfloat16 matrix rate", share, "%"),
            Row(f"{name}, memory allocated at most", torch.cuda.max_memory_allocated() / 2**20, "MiB"),
        ]
    return rows


def _matrix_rate(side: int = 8192) -> float:
    """Return the operations a second that one large bfloat16 product reaches."""
    matrix = torch.randn(side, side, device="cuda", dtype=torch.bfloat16)

    def product() -> None:
        torch.mm(matrix, matrix)

    return 2 * side**3 / median(take_turns({"product": product}, TURNS)["product"])


if __name__ == "__main__":
    _measure_memory(*sys.argv[1:])
