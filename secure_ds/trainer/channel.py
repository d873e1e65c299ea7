"""The trainer's one way to the outside: framed messages on the pipes it was started with.

Rules kept here:

1. The pipes are taken over at once; whatever a library prints goes to standard error, not into a message.
2. A message that breaks its turn ends the run. So does a stop or the worker's end, at the next question of `check`.
"""

from __future__ import annotations

import os
import queue
import struct
import threading
from collections.abc import Sequence
from typing import IO, Any, Self

from secure_ds.core.frames import receive, send
from secure_ds.trainer.errors import ProtocolBroken, StopRequested, WorkerGone

Received = tuple[dict[str, Any], list[bytes]]


class Channel:
    """Sends messages and waits for answers."""

    def __init__(self, incoming: IO[bytes], outgoing: IO[bytes]) -> None:
        self._outgoing = outgoing
        self._received: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._end: StopRequested | WorkerGone | None = None
        threading.Thread(target=self._listen, args=(incoming,), daemon=True).start()

    @classmethod
    def take_over(cls) -> Self:
        """Return a channel over standard input and output, which are nobody else's from now on."""
        incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        os.close(nothing)
        return cls(incoming, outgoing)

    def send(self, kind: str, blobs: Sequence[bytes] = (), **fields: Any) -> None:
        """Send one message.

        Raises:
            WorkerGone: nobody reads.
        """
        try:
            send(self._outgoing, {"kind": kind, **fields}, blobs)
        except OSError:
            raise WorkerGone("the worker has ended") from None

    def expect(self, kind: str) -> Received:
        """Wait for the next message, which must be of this kind.

        Raises:
            ProtocolBroken: it is of another.
            StopRequested, WorkerGone: there will be none.
        """
        message, blobs = self._received.get()
        self.check()
        if message.get("kind") != kind:
            raise ProtocolBroken(f"expected a message of kind {kind!r}")
        return message, blobs

    def check(self) -> None:
        """Return while the worker wants this run.

        Raises:
            StopRequested, WorkerGone: it no longer does.
        """
        if self._end is not None:
            raise self._end

    def _listen(self, incoming: IO[bytes]) -> None:
        while self._end is None:
            try:
                message, blobs = receive(incoming)
            except (EOFError, OSError, ValueError, struct.error, MemoryError):
                self._end = WorkerGone("the worker has ended")
                message, blobs = {}, []
            if message.get("kind") == "stop":
                self._end = StopRequested("the worker asked for the end")
            self._received.put((message, blobs))
