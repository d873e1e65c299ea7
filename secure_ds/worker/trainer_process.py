"""The worker's side of a trainer: start it, talk to it, and be sure that it ends.

Rules kept here:

1. The trainer inherits its pipes and a handful of variables: no other file, no secret of the worker.
2. Every wait has an end. A trainer that is silent too long, or gone, is killed, and what it had not said is lost.
3. Nothing it prints is kept.

| the trainer says | with | then |
|---|---|---|
| `hello` | `session_key`, `signing_key` | waits for `job` |
| `progress` | `step`, `steps`, `epsilon`, `records_per_second`, `device` | goes on |
| `spend` | `steps` | waits for `spent` |
| `checkpoint`, one blob | `step` | goes on |
| `metrics` | `step`, `metrics` | goes on |
| `settled` | `statement`, `signature` | ends, with fewer steps than the plan's |
| `model`, one blob | `statement`, `signature` | ends |
| `stopped`; `failed` | `code` | ends |

Store its messages in their order: a checkpoint before the metrics of its step are shown.
"""

from __future__ import annotations

import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from secure_ds.core.child_environment import child_environment
from secure_ds.core.frames import receive, send

SILENCE_SECONDS: Final = 600.0  # longer than any step: a trainer tells its progress after each, or twice a second
_SECONDS_TO_START: Final = 120.0
_SECONDS_TO_END: Final = 10.0

Received = tuple[dict[str, Any], list[bytes]]


class TrainerFailed(Exception):
    """The trainer could not carry out its job; the message says its code and nothing of the records."""

    code: ClassVar[str] = "trainer_failed"


class TrainerLost(TrainerFailed):
    """The trainer has ended without a last word, or is silent. Another one may go on from the last checkpoint."""

    code: ClassVar[str] = "trainer_lost"


@dataclass(frozen=True, slots=True)
class Hello:
    """The public halves of a trainer's keys, hexadecimal.

    Attributes:
        session_key: P-256, an uncompressed point: data keys are sealed to it.
        signing_key: raw Ed25519: signs what was used of the plan, and which model came out.
    """

    session_key: str
    signing_key: str


def start_trainer(silence_seconds: float = SILENCE_SECONDS) -> Trainer:
    """Start a trainer, for one job, and hear its keys. Use it as a context.

    Raises:
        TrainerLost: it did not start.
    """
    return Trainer(silence_seconds)


class Trainer:
    """One running trainer."""

    def __init__(self, silence_seconds: float) -> None:
        self._silence_seconds = silence_seconds
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "secure_ds.trainer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            close_fds=True,
            start_new_session=True,
        )
        self._received: queue.SimpleQueue[Received | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            hello, _ = self._next(_SECONDS_TO_START)
        except TrainerLost:
            self.kill()
            raise
        self.hello = Hello(str(hello.get("session_key")), str(hello.get("signing_key")))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def start_job(
        self,
        *,
        job_id: str,
        fence: int,
        plan: dict[str, Any],
        descriptor: bytes,
        parts: Sequence[str],
        sealed_key: bytes,
        checkpoint: bytes | None,
        checkpoint_every: int,
        steps_spent: int = 0,
        performance: dict[str, Any] | None = None,
        public_test: bytes | None = None,
    ) -> None:
        """Hand over the job.

        Args:
            job_id: the job.
            fence: of the lease that the custodian was told of.
            plan: JSON of the plan.
            descriptor: canonical JSON of the data set's.
            parts: paths of the container's files, in the descriptor's order.
            sealed_key: the data key, sealed to this trainer.
            checkpoint: the job's last one, sealed.
            checkpoint_every: steps between checkpoints.
            steps_spent: what the job has paid for already.
            performance: what changes speed alone, fields of `secure_ds.training.dp.performance.Performance`.
            public_test: .npz with `inputs` and `targets` that their owner declared public, to measure on.

        Raises:
            TrainerLost: it has ended.
        """
        message = {
            "kind": "job",
            "job_id": job_id,
            "fence": fence,
            "plan": plan,
            "descriptors": [descriptor.decode()],
            "parts": [list(parts)],
            "performance": performance or {},
            "checkpoint_every": checkpoint_every,
            "steps_spent": steps_spent,
            "checkpoint": checkpoint is not None,
            "public_test": public_test is not None,
        }
        self._send(message, [each for each in (sealed_key, checkpoint, public_test) if each is not None])

    def messages(self) -> Iterator[Received]:
        """Yield what it says, up to `model` or `stopped`.

        Raises:
            TrainerFailed: it said so.
            TrainerLost: it ended before it was done, or was silent too long.
        """
        while True:
            message, blobs = self._next(self._silence_seconds)
            kind = message.get("kind")
            if kind == "failed":
                raise TrainerFailed(f"the trainer could not go on: {message.get('code')}")
            yield message, blobs
            if kind in ("model", "stopped"):
                return

    def spent(self, steps: int) -> None:
        """Say that these steps are paid for. Raises `TrainerLost`."""
        self._send({"kind": "spent", "steps": steps})

    def stop(self) -> None:
        """Ask it to end. Raises `TrainerLost`."""
        self._send({"kind": "stop"})

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it end: nobody listens any more. Kill it if it does not."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()

    def _send(self, message: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        if self._process.stdin is None:
            raise TrainerLost("the trainer has no pipe")
        try:
            send(self._process.stdin, message, blobs)
        except OSError:
            raise TrainerLost("the trainer has ended") from None

    def _next(self, seconds: float) -> Received:
        try:
            received = self._received.get(timeout=seconds)
        except queue.Empty:
            self.kill()
            raise TrainerLost(f"the trainer said nothing for {seconds:g} s and was killed") from None
        if received is None:
            self._received.put(None)
            raise TrainerLost("the trainer has ended")
        return received

    def _listen(self) -> None:
        stream = self._process.stdout
        if stream is None:
            return
        with stream:
            while True:
                try:
                    self._received.put(receive(stream))
                except (EOFError, OSError, ValueError, struct.error, MemoryError):
                    return self._received.put(None)
