"""A line between two processes of one evaluation: JSON, byte strings, and ciphertexts, which are not copied.

Messages go over two pipes (`frames`). A ciphertext lies in a memory file that its maker wrote. The file's descriptor
follows the message over a socket, and the other end reads the same memory.

Rules kept here:
  1. Each end sends only what the other one waits for, or a few descriptors: neither blocks while both write.
  2. A memory file ends when both ends have let go of it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from secure_ds.ckks.memory_io import MemoryFile
from secure_ds.core.frames import receive, send

_PRESENT: Final = "present"


class ProcessLine:
    """One end."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO, descriptors: socket.socket) -> None:
        """Take both pipes and the socket."""
        self._incoming, self._outgoing, self._descriptors = incoming, outgoing, descriptors

    def send(
        self, message: dict[str, Any], files: Sequence[MemoryFile | None] = (), blobs: Sequence[bytes] = ()
    ) -> None:
        """Send one message; `files` stay the sender's as well.

        Raises:
            OSError: the other end is gone.
        """
        send(self._outgoing, {**message, _PRESENT: [file is not None for file in files]}, blobs)
        for file in files:
            if file is not None:
                socket.send_fds(self._descriptors, [b"\0"], [file.descriptor])

    def receive(self) -> tuple[dict[str, Any], list[MemoryFile | None], list[bytes]]:
        """Take one message.

        Raises:
            EOFError: the other end is gone.
        """
        message, blobs = receive(self._incoming)
        return message, [self._file() if present else None for present in message.pop(_PRESENT)], blobs

    def close(self) -> None:
        """Close this end; what was not sent yet is lost."""
        for stream in (self._outgoing, self._incoming, self._descriptors):
            try:
                stream.close()
            except OSError:
                continue

    def _file(self) -> MemoryFile:
        _, descriptors, _, _ = socket.recv_fds(self._descriptors, 1, 1)
        if not descriptors:
            raise EOFError("the other process has ended")
        return MemoryFile(descriptors[0])
