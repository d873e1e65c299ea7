"""Several processes for homomorphic evaluation, since SEAL holds the interpreter lock.

Rules kept here:
1. Results come in the order of the requests and are those of one process: which process does what changes only time.
2. Pipes carry bytes alone: a request, its result, a file's name, the file. Nothing is pickled but the name of the
   function that a new process starts with.
3. Processes are spawned, never forked, and die with their parent. They read no file and no socket: what they need they
   ask the parent for, which checks it as if it evaluated itself.
4. A process that fails or dies ends the evaluation with `EvaluationProcessFailed`; no result of it is used.
"""

import importlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Final, Self

from secure_ds.ckks.errors import CkksError

Read = Callable[[str], bytes]
Handler = Callable[[bytes], bytes]

_READ: Final = b"r"
_RESULT: Final = b"a"
_FAILED: Final = b"f"


class EvaluationProcessFailed(CkksError):
    """A process of the evaluation failed; the message says how."""

    code = "evaluation_process_failed"


class ProcessPool:
    """Processes that each answer requests one at a time. Use it as a context, or `close` it."""

    def __init__(self, processes: int, start: str, setup: bytes, read: Read) -> None:
        """Start the processes.

        Args:
            processes: how many, at least 1.
            start: "module:function", called in each process as function(setup, read); returns what handles requests.
            setup: handed to that function.
            read: answers what the processes ask for, by name; called in this process.
        """
        context = multiprocessing.get_context("spawn")
        self._read = read
        self._connections: list[Connection] = []
        self._processes = []
        for _ in range(processes):
            here, there = context.Pipe()
            process = context.Process(target=_serve, args=(there, start, setup), daemon=True)
            process.start()
            there.close()
            self._connections.append(here)
            self._processes.append(process)

    def map(self, requests: Sequence[bytes]) -> list[bytes]:
        """Have every request handled; return the results in the requests' order.

        Raises:
            EvaluationProcessFailed: a process failed or died.
        """
        waiting = iter(enumerate(requests))
        results: dict[int, bytes] = {}
        busy: dict[Connection, int] = {}
        for connection in self._connections:
            _hand_out(connection, waiting, busy)
        while busy:
            for connection in [one for one in wait(list(busy)) if isinstance(one, Connection)]:
                result = self._hear(connection)
                if result is not None:
                    results[busy.pop(connection)] = result
                    _hand_out(connection, waiting, busy)
        return [results[index] for index in range(len(requests))]

    def close(self) -> None:
        """End the processes."""
        for connection, process in zip(self._connections, self._processes, strict=True):
            connection.close()
            process.terminate()
            process.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _hear(self, connection: Connection) -> bytes | None:
        """Take one message: answer a question for a file, or return a result."""
        try:
            message = connection.recv_bytes()
            kind, body = message[:1], message[1:]
            if kind == _READ:
                connection.send_bytes(self._read(body.decode()))
                return None
        except (EOFError, OSError):
            raise EvaluationProcessFailed("a process of the evaluation ended; is there memory enough?") from None
        if kind == _FAILED:
            raise EvaluationProcessFailed(body.decode())
        return body


def _hand_out(connection: Connection, waiting: Iterator[tuple[int, bytes]], busy: dict[Connection, int]) -> None:
    following = next(waiting, None)
    if following is not None:
        busy[connection] = following[0]
        connection.send_bytes(following[1])


def _serve(connection: Connection, start: str, setup: bytes) -> None:
    """The whole life of one process."""

    def read(name: str) -> bytes:
        connection.send_bytes(_READ + name.encode())
        return connection.recv_bytes()

    try:
        module, _, function = start.partition(":")
        handle: Handler | None = None
        while True:
            request = connection.recv_bytes()
            if handle is None:
                handle = getattr(importlib.import_module(module), function)(setup, read)
            connection.send_bytes(_RESULT + handle(request))
    except (EOFError, OSError):
        return
    except Exception as error:
        connection.send_bytes(_FAILED + f"{type(error).__name__}: {error}".encode())
