"""The processes of a distributed run on this machine: `python -m secure_ds.trainer.ranks`, hardened as the trainer is.

Rules kept here: a rank gets its setup on standard input and nothing by environment or arguments; it inherits no file
but its pipes; the processes meet in a directory that only this user may enter; none outlives the run.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from secure_ds.core.child_environment import child_environment
from secure_ds.core.frames import receive, send
from secure_ds.core.resources import all_cores
from secure_ds.trainer.hardening import harden

if TYPE_CHECKING:
    from torch import nn

    from secure_ds.training.dp.distributed import DistributedEngine, RankSetup
    from secure_ds.training.dp.engine import GradientEngine
    from secure_ds.training.dp.performance import Performance
    from secure_ds.training.dp.plan import DpPlan

_SECONDS_TO_END: Final = 10.0


@contextmanager
def open_engine(
    plan: DpPlan, model: nn.Module, performance: Performance
) -> Iterator[GradientEngine | DistributedEngine]:
    """Give the engine of a run: of this process, or of `performance.processes` of this machine.

    Raises:
        RankLost: a process did not start.
    """
    from secure_ds.training.dp.distributed import DistributedEngine, RankSetup
    from secure_ds.training.dp.engine import make_engine

    alone = replace(performance, processes=1)
    engine = make_engine(performance.engine, model, plan.model["task"], plan.clipping, alone)
    world = performance.processes
    if world == 1:
        yield engine
        return
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="secure-ds-ranks-"))
        setup = RankSetup(
            config=plan.model,
            seed=plan.seed,
            l2_norm_clip=plan.clipping.l2_norm_clip,
            clipping_kind=plan.clipping.kind,
            performance=asdict(alone),
            rows_per_unit=plan.facts.rows_per_unit,
            rendezvous=f"file://{Path(directory) / 'meeting'}",
            world=world,
            rank=0,
        )
        stack.enter_context(started([replace(setup, rank=rank) for rank in range(1, world)]))
        distributed = DistributedEngine(engine, model, setup.rendezvous, world)
        stack.callback(distributed.close)
        yield distributed


@contextmanager
def started(setups: Sequence[RankSetup]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run one process for each setup, and end them on leaving."""
    threads = max(1, all_cores() // (len(setups) + 1))
    environment = child_environment(OMP_NUM_THREADS=str(threads), GLOO_SOCKET_IFNAME="lo")
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for setup in setups:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "secure_ds.trainer.ranks"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
            )
            processes.append(process)
            if process.stdin is not None:
                send(process.stdin, setup.to_json())
        yield processes
    finally:
        for process in processes:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


def main() -> int:
    """Serve as one rank; the exit status is 0 when rank 0 ended the run."""
    harden()
    from secure_ds.training.dp.distributed import RankSetup, serve_rank

    setup, _ = receive(sys.stdin.buffer)
    try:
        serve_rank(RankSetup.from_json(setup))
    except RuntimeError:  # rank 0 is gone
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
