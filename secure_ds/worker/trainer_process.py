"""The worker's side of a trainer: start it, talk to it, and be sure that it ends.

Rules kept here:

1. The trainer inherits three pipes' ends and a handful of variables: no other file, no secret of the worker.
2. Every wait has an end. A trainer that is silent too long, or gone, is killed, and what it had not said is lost.
3. Nothing it prints is kept.
"""

from __future__ import annotations

import os
import queue
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import secure_ds
from secure_ds.core.frames import receive, send

INHERITED: Final = (
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "PATH",
    "TZ",
)
_SECONDS_TO_END: Final = 5.0

Received = tuple[dict[str, Any], list[bytes]]


class TrainerLost(Exception):
    """The trainer has ended, or is silent."""

    code: ClassVar[str] = "trainer_lost"


class TrainerProcess:
    """One running trainer. Use it as a context, or `close` it."""

    def __init__(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "secure_ds.trainer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            close_fds=True,
            start_new_session=True,
        )
        self._received: queue.SimpleQueue[Received | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, message: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
        """Send one message.

        Raises:
            TrainerLost: it has ended.
        """
        stream = self._process.stdin
        try:
            if stream is not None:
                send(stream, message, blobs)
        except OSError:
            raise TrainerLost("the trainer has ended") from None

    def receive(self, seconds: float) -> Received:
        """Return its next message.

        Args:
            seconds: how long to wait; then it is killed.

        Raises:
            TrainerLost: there is no further message, or none in time.
        """
        try:
            received = self._received.get(timeout=seconds)
        except queue.Empty:
            self.kill()
            raise TrainerLost(f"the trainer said nothing for {seconds:g} s and was killed") from None
        if received is None:
            self._received.put(None)
            raise TrainerLost("the trainer has ended")
        return received

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Ask it to stop; kill it if it does not."""
        for stream in (self._process.stdin,):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        try:
            self._process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

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


def _environment() -> dict[str, str]:
    """A few variables, and where this very program lies, so that both are of one version."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(secure_ds.__file__).parents[1])}
