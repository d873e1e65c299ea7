"""A share of a logistic step in a process of its own; run as `python -m secure_ds.ckks.logistic_process`.

SEAL holds the interpreter lock, so a second core needs a second process. `RemoteShard` is the parent's end; the child
answers one message after the other (`process_line`) until its standard input ends, which it does with the parent.

Rules kept here:
  1. Only JSON and SEAL's files pass between them. What the parent sends has been checked by the parent.
  2. The child gets no environment but the path of the program, and no file descriptor of the parent's but its end of
     the line and the memory files sent over it.
  3. A refusal in the child is raised in the parent under its own message; a child that died is
     `EvaluationProcessFailed`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import CkksError, EvaluationRefused
from secure_ds.ckks.logistic_shard import LogisticShard
from secure_ds.ckks.logistic_shares import whole_nodes
from secure_ds.ckks.memory_io import MemoryFile
from secure_ds.ckks.packing import Node
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.process_line import ProcessLine
from secure_ds.ckks.process_pool import EvaluationProcessFailed
from secure_ds.core.resources import Resources

_GONE: Final = "a process that evaluates ciphertexts has ended; try again, with more memory or fewer processes"
_PATIENCE: Final = 5.0  # seconds that a child without a parent may take to notice


class RemoteShard:
    """A `LogisticShard` in a child process: ask, do something else, then take the answer."""

    def __init__(self, keys: Mapping[str, bytes], plan: CircuitPlan, features: range, resources: Resources) -> None:
        """Start the child; it loads the keys while the caller goes on."""
        self.features, self.places = features, whole_nodes(features, plan.n_features)
        self._n_features = plan.n_features
        self._owed = 0
        self._process, self._line = _start()
        weakref.finalize(self, _end, self._process, self._line)
        message = {
            "do": "open",
            "plan": plan.to_json(),
            "features": [features.start, features.stop],
            "memory": resources.memory,
            "directory": str(resources.directory) if resources.directory else None,
            "keys": list(keys),
        }
        self._ask(message, blobs=list(keys.values()))

    @property
    def process_id(self) -> int:
        """The child's."""
        return self._process.pid

    def load_block(self, columns: Iterable[bytes], label: bytes) -> None:
        """Send the next block; errors of the child show at its next answer.

        Raises:
            EvaluationRefused: there are fewer columns than features; the child is of no use then.
        """
        self._ask({"do": "block", "columns": len(self.features)}, blobs=[label])
        sent = 0
        for sent, data in enumerate(columns, start=1):  # noqa: B007
            self._send({}, blobs=[data])
        if sent < len(self.features):
            raise EvaluationRefused(f"a block has {self._n_features} feature columns, got fewer")

    def ask_weighted_sums(self, weights: Sequence[int]) -> None:
        """Start `LogisticShard.weighted_sums`."""
        self._ask({"do": "sums", "weights": [str(weight) for weight in weights]})

    def ask_images(self, block: int, z: MemoryFile | None) -> None:
        """Start `LogisticShard.images`."""
        self._ask({"do": "images", "block": block}, [z])

    def ask_second_cube(self, z: MemoryFile) -> None:
        """Start `LogisticShard.second_cube`."""
        self._ask({"do": "second_cube"}, [z])

    def ask_odd_images(self, residual: MemoryFile) -> None:
        """Start `LogisticShard.odd_images`."""
        self._ask({"do": "odd_images"}, [residual])

    def hold(self, images: Sequence[MemoryFile]) -> None:
        """Hand over images of the next blocks' residuals, until the next weighted sums; there is no answer."""
        self._send({"do": "hold"}, images)

    def ask_nodes(self) -> None:
        """Start `LogisticShard.node` of one place after the other; each has its own answer."""
        for place in self.places:
            self._ask({"do": "node", "place": place})

    def weighted_sums(self) -> list[MemoryFile | None]:
        """Return the answer to `ask_weighted_sums`, of every block, and forget what was not taken before it.

        Raises:
            EvaluationRefused: the child refused something since the last answer.
            EvaluationProcessFailed: it is gone.
        """
        while self._owed > 1:
            self._take()
        return self._take()

    def answer(self) -> list[MemoryFile]:
        """Return the answer to the oldest other question that has none yet; raises what `weighted_sums` does."""
        return [file for file in self._take() if file is not None]

    def close(self) -> None:
        """End the child."""
        _end(self._process, self._line)

    def _ask(
        self, message: dict[str, Any], files: Sequence[MemoryFile | None] = (), blobs: Sequence[bytes] = ()
    ) -> None:
        self._send(message, files, blobs)
        self._owed += 1

    def _send(
        self, message: dict[str, Any], files: Sequence[MemoryFile | None] = (), blobs: Sequence[bytes] = ()
    ) -> None:
        try:
            self._line.send(message, files, blobs)
        except (OSError, ValueError):
            raise EvaluationProcessFailed(_GONE) from None

    def _take(self) -> list[MemoryFile | None]:
        self._owed -= 1
        try:
            message, files, _ = self._line.receive()
        except (OSError, EOFError, ValueError):
            raise EvaluationProcessFailed(_GONE) from None
        if "refused" in message:
            raise EvaluationRefused(message["refused"])
        return files


class _Child:
    """The other end: one shard, and what it is asked."""

    def __init__(self, line: ProcessLine) -> None:
        self._line = line
        self._engine: Engine
        self._shard: LogisticShard
        self._images: list[Ciphertext] = []

    def serve(self) -> None:
        """Answer until the parent is gone."""
        while True:
            message, files, blobs = self._line.receive()
            if message["do"] == "hold":
                self._images += [self._engine.take_in(file) for file in files if file is not None]
                continue
            try:
                found = self._answer(message, files, blobs)
            except CkksError as error:
                self._line.send({"refused": str(error)})
            else:
                self._line.send({}, [None if each is None else self._engine.hand_out(each) for each in found])

    def _answer(
        self, message: dict[str, Any], files: Sequence[MemoryFile | None], blobs: Sequence[bytes]
    ) -> Sequence[Ciphertext | None]:
        if message["do"] == "open":
            return self._open(message, blobs)
        if message["do"] == "block":
            return self._block(message["columns"], blobs[0])
        taken = [None if file is None else self._engine.take_in(file) for file in files]
        match message["do"]:
            case "sums":
                self._images = []
                return self._shard.weighted_sums([int(weight) for weight in message["weights"]])
            case "images":
                return self._shard.images(message["block"], taken[0])
            case "second_cube":
                return [self._shard.second_cube(taken[0])]
            case "odd_images":
                return self._shard.odd_images(taken[0])
            case _:
                return [self._shard.node(self._images, Node(*message["place"]))]

    def _open(self, message: dict[str, Any], blobs: Sequence[bytes]) -> list[Ciphertext]:
        plan = CircuitPlan.from_json(message["plan"])
        directory = Path(message["directory"]) if message["directory"] else None
        self._engine = Engine(plan.parameters, dict(zip(message["keys"], blobs, strict=True)))
        resources = Resources(memory=message["memory"], directory=directory)
        self._shard = LogisticShard(self._engine, plan, range(*message["features"]), resources)
        return []

    def _block(self, count: int, label: bytes) -> list[Ciphertext]:
        columns = [self._line.receive()[2][0] for _ in range(count)]
        self._shard.load_block(columns, label)
        return []


def _start() -> tuple[subprocess.Popen[bytes], ProcessLine]:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    here, there = socket.socketpair()
    with there:
        process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "secure_ds.ckks.logistic_process", str(there.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            pass_fds=[there.fileno()],
        )
    return process, ProcessLine(cast(BinaryIO, process.stdout), cast(BinaryIO, process.stdin), here)


def _end(process: subprocess.Popen[bytes], line: ProcessLine) -> None:
    line.close()
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Serve the parent on standard input and output; whatever prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _Child(ProcessLine(sys.stdin.buffer, answers, socket.socket(fileno=int(sys.argv[1])))).serve()
    except (EOFError, BrokenPipeError):
        os._exit(0)


if __name__ == "__main__":
    main()
