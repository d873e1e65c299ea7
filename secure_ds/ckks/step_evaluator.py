"""What the evaluators of a step have in common: whose keys they need, how much they are given, how long phases take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from secure_ds.ckks.errors import EvaluationRefused
from secure_ds.ckks.parameters import Parameters


def require_parameters(planned: Parameters, of_keys: Parameters) -> None:
    """Refuse evaluation keys of other parameters than the plan's. Raises `EvaluationRefused`."""
    if planned != of_keys:
        raise EvaluationRefused("plan and evaluation keys are for different parameters")


def require_room(planned: int, loaded: int) -> None:
    """Refuse more blocks than planned. Raises `EvaluationRefused`."""
    if loaded == planned:
        raise EvaluationRefused(f"the plan has {planned} blocks, all are loaded")


def require_count(what: str, expected: int, found: int) -> None:
    """Refuse a block with more or fewer columns than planned. Raises `EvaluationRefused`."""
    if found != expected:
        raise EvaluationRefused(f"a block has {expected} {what}, got {found}")


def require_all(planned: int, loaded: int) -> None:
    """Refuse a step before all blocks are there. Raises `EvaluationRefused`."""
    if loaded != planned:
        raise EvaluationRefused(f"the plan has {planned} blocks, {loaded} are loaded")


@contextmanager
def timed(timings: dict[str, float], phase: str) -> Iterator[None]:
    """Add the seconds that the block takes to a phase."""
    start = time.perf_counter()
    try:
        yield
    finally:
        timings[phase] = timings.get(phase, 0.0) + time.perf_counter() - start
