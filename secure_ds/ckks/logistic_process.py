"""A share of a logistic step in a process of its own; run as `python -m secure_ds.ckks.logistic_process`.

SEAL holds the interpreter lock, so a second core needs a second process. `RemoteShard` is the parent's end; the child
answers one message after the other (`frames`) until its standard input ends, which it does with the parent.

Rules kept here:
  1. Only JSON and SEAL's files pass between them. What the parent sends has been checked by the parent.
  2. The child gets no environment but the path of the program, and no other file descriptor of the parent's.
  3. A refusal in the child is raised in the parent under its own message; a child that died is
     `EvaluationProcessFailed`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from secure_ds.ckks.engine import Ciphertext, Engine
from secure_ds.ckks.errors import CkksError, EvaluationRefused
from secure_ds.ckks.logistic_shard import LogisticShard
from secure_ds.ckks.planner import CircuitPlan
from secure_ds.ckks.process_pool import EvaluationProcessFailed
from secure_ds.core.frames import receive, send
from secure_ds.core.resources import Resources

_GONE: Final = "a process that evaluates ciphertexts has ended; try again, with more memory or fewer processes"
_PATIENCE: Final = 5.0  # seconds that a child without a parent may take to notice


class RemoteShard:
    """A `LogisticShard` in a child process: ask, do something else, then take the answer."""

    def __init__(self, keys: Mapping[str, bytes], plan: CircuitPlan, features: range, resources: Resources) -> None:
        """Start the child; it loads the keys while the caller goes on."""
        self.features = features
        self._owed = 0
        self._process = _start()
        weakref.finalize(self, _end, self._process)
        message = {
            "do": "open",
            "plan": plan.to_json(),
            "features": [features.start, features.stop],
            "memory": resources.memory,
            "directory": str(resources.directory) if resources.directory else None,
            "keys": list(keys),
        }
        self._ask(message, list(keys.values()))

    @property
    def process_id(self) -> int:
        """The child's."""
        return self._process.pid

    def load_block(self, columns: Iterable[bytes], label: bytes) -> None:
        """Send the next block; errors show at the next answer."""
        self._ask({"do": "block", "columns": len(self.features)}, [label])
        for data in columns:
            self._send({}, [data])

    def ask_weighted_sums(self, weights: Sequence[int]) -> None:
        """Start `LogisticShard.weighted_sums`."""
        self._ask({"do": "sums", "weights": [str(weight) for weight in weights]})

    def ask_residual(self, block: int, z: bytes | None) -> None:
        """Start `LogisticShard.residual`."""
        self._ask({"do": "residual", "block": block}, [] if z is None else [z])

    def ask_cube(self, half: bytes) -> None:
        """Start `LogisticShard.cube`."""
        self._ask({"do": "cube"}, [half])

    def ask_subtrees(self, residuals: Sequence[bytes], size: int) -> None:
        """Start `LogisticShard.subtrees`."""
        self._ask({"do": "subtrees", "size": size}, residuals)

    def answer(self) -> list[bytes]:
        """Return the files that the last question is answered with; for sums, an empty one stands for None.

        Raises:
            EvaluationRefused: the child refused something since the last answer.
            EvaluationProcessFailed: it is gone.
        """
        blobs: list[bytes] = []
        while self._owed:
            self._owed -= 1
            blobs = self._take()
        return blobs

    def close(self) -> None:
        """End the child."""
        _end(self._process)

    def _ask(self, message: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        self._send(message, blobs)
        self._owed += 1

    def _send(self, message: dict[str, Any], blobs: Sequence[bytes]) -> None:
        try:
            send(_stream(self._process.stdin), message, blobs)
        except (OSError, ValueError):
            raise EvaluationProcessFailed(_GONE) from None

    def _take(self) -> list[bytes]:
        try:
            message, blobs = receive(_stream(self._process.stdout))
        except (OSError, EOFError, ValueError):
            raise EvaluationProcessFailed(_GONE) from None
        if "refused" in message:
            raise EvaluationRefused(message["refused"])
        return blobs


class _Child:
    """The other end: one shard, and what it is asked."""

    def __init__(self, requests: BinaryIO, answers: BinaryIO) -> None:
        self._requests, self._answers = requests, answers
        self._engine: Engine
        self._shard: LogisticShard
        self._acts = {
            "open": self._open,
            "block": self._block,
            "sums": self._sums,
            "residual": self._residual,
            "cube": self._cube,
            "subtrees": self._subtrees,
        }

    def serve(self) -> None:
        """Answer until the parent is gone."""
        while True:
            message, blobs = receive(self._requests)
            try:
                found = self._acts[message["do"]](message, blobs)
            except CkksError as error:
                send(self._answers, {"refused": str(error)})
            else:
                send(self._answers, {}, found)

    def _open(self, message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
        plan = CircuitPlan.from_json(message["plan"])
        directory = Path(message["directory"]) if message["directory"] else None
        self._engine = Engine(plan.parameters, dict(zip(message["keys"], blobs, strict=True)))
        resources = Resources(memory=message["memory"], directory=directory)
        self._shard = LogisticShard(self._engine, plan, range(*message["features"]), resources)
        return []

    def _block(self, message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
        columns = [receive(self._requests)[1][0] for _ in range(message["columns"])]
        self._shard.load_block(columns, blobs[0])
        return []

    def _sums(self, message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
        sums = self._shard.weighted_sums([int(weight) for weight in message["weights"]])
        return [b"" if total is None else self._engine.save(total) for total in sums]

    def _residual(self, message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
        z = self._engine.load(blobs[0]) if blobs else None
        return self._saved([self._shard.residual(message["block"], z)])

    def _cube(self, message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
        return self._saved([self._shard.cube(self._engine.load(blobs[0]))])

    def _subtrees(self, message: dict[str, Any], blobs: list[bytes]) -> list[bytes]:
        return self._saved(self._shard.subtrees([self._engine.load(data) for data in blobs], message["size"]))

    def _saved(self, ciphertexts: Iterable[Ciphertext]) -> list[bytes]:
        return [self._engine.save(ciphertext) for ciphertext in ciphertexts]


def _start() -> subprocess.Popen[bytes]:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen(
        [sys.executable, "-m", "secure_ds.ckks.logistic_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            _close_quietly(stream)
    try:
        process.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _close_quietly(stream: Any) -> None:
    try:
        stream.close()
    except OSError:
        return


def _stream(stream: Any) -> BinaryIO:
    if stream is None:
        raise EvaluationProcessFailed(_GONE)
    found: BinaryIO = stream
    return found


def main() -> None:
    """Serve the parent on standard input and output; whatever prints goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        _Child(sys.stdin.buffer, answers).serve()
    except (EOFError, BrokenPipeError):
        os._exit(0)


if __name__ == "__main__":
    main()
