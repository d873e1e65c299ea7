"""What a process may use of its machine for evaluating ciphertexts. It changes no result, only how long one takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DEFAULT_MEMORY: Final = 4 * 2**30


@dataclass(frozen=True)
class Resources:
    """Processes and memory of one evaluation.

    Attributes:
        processes: how many evaluate, this one included.
        memory: bytes of ciphertexts that they may hold together; the rest lies in files.
        directory: where those files are made; None for the system's temporary directory.
    """

    processes: int = 1
    memory: int = DEFAULT_MEMORY
    directory: Path | None = None

    def share(self) -> Resources:
        """Return what one of the processes may use."""
        return Resources(1, self.memory // self.processes, self.directory)


def all_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0))
