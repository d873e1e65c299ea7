"""Long vectors in parts that the processor's second cache holds, one thread a part, as many as torch may use.

Rule: what is done with a part depends on that part alone, so threads change nothing but time. torch lets go of the
interpreter in each operation, and its own threads start beyond this size: the two do not get in each other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, Final, TypeVar

import torch

_CPU_PART: Final = 2**15
_CUDA_PART: Final = 2**24

Result = TypeVar("Result")


def part_size(device: torch.device) -> int:
    """Return how many numbers a part has."""
    return _CPU_PART if device.type == "cpu" else _CUDA_PART


def in_parallel(act: Callable[..., Result], *parts: Sequence[Any]) -> list[Result]:
    """Return `act` of each part, in order; several sequences are walked together."""
    threads = torch.get_num_threads()
    if threads == 1 or len(parts[0]) == 1:
        return list(map(act, *parts))
    return list(_pool(threads).map(act, *parts))


@lru_cache(maxsize=1)
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="noise")
