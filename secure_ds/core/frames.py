"""Messages between a process and its children: a JSON object and byte strings, each with its length before it.

    u64 length of the JSON, u64 number of byte strings, u64 length of each; the JSON; the byte strings   (little-endian)

Nothing is unpickled and nothing is run: both ends are this program, and the pipe is theirs alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any, Final

_HEAD: Final = struct.Struct("<QQ")
_LENGTH: Final = struct.Struct("<Q")


def send(stream: IO[bytes], message: dict[str, Any], blobs: Sequence[bytes] = ()) -> None:
    """Write one message and flush.

    Raises:
        OSError: the other end is gone.
    """
    text = json.dumps(message).encode()
    stream.write(_HEAD.pack(len(text), len(blobs)) + b"".join(_LENGTH.pack(len(blob)) for blob in blobs) + text)
    for blob in blobs:
        stream.write(blob)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Read one message.

    Raises:
        EOFError: the other end is gone.
    """
    length, count = _HEAD.unpack(_exactly(stream, _HEAD.size))
    lengths = [_LENGTH.unpack(_exactly(stream, _LENGTH.size))[0] for _ in range(count)]
    message = json.loads(_exactly(stream, length))
    return message, [_exactly(stream, size) for size in lengths]


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError("the other process has ended")
    return data
