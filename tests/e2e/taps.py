"""Listen to everything that is said and written: HTTP, the RPC with the custodian, files for as long as they exist."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


class HttpTap(httpx.BaseTransport):
    """Passes requests on and keeps both bodies."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self.bodies: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.read())
        response = self._inner.handle_request(request)
        self.bodies.append(response.read())
        return response


class SocketTap:
    """Stands before a Unix socket and keeps every byte that passes, in both directions."""

    def __init__(self, path: Path) -> None:
        """Take the place of the socket at `path`, which must be listening."""
        self._behind = path.with_name("behind.sock")
        path.rename(self._behind)
        self._lock = threading.Lock()
        self._said: list[bytearray] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def heard(self) -> list[bytes]:
        """What was said so far: one piece for each connection and direction."""
        with self._lock:
            return [bytes(said) for said in self._said]

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                front, _ = self._listener.accept()
            except OSError:
                return
            back = socket.socket(socket.AF_UNIX)
            back.connect(str(self._behind))
            for source, target in ((front, back), (back, front)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        said = bytearray()
        with self._lock:
            self._said.append(said)
        try:
            while data := source.recv(1 << 16):
                with self._lock:
                    said += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def files_kept(watched: Path, kept: Path) -> Iterator[None]:
    """Give every file under a directory a second name while the block runs, so that a temporary file's last content
    outlives it."""
    done = threading.Event()
    seen: set[int] = set()

    def watch() -> None:
        while not done.wait(0.02):
            for folder, _, names in os.walk(watched):
                for name in names:
                    _keep(Path(folder, name), kept, seen)

    kept.mkdir()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _keep(path: Path, kept: Path, seen: set[int]) -> None:
    try:
        inode = path.lstat().st_ino
        if inode not in seen and path.is_file() and not path.is_symlink():
            os.link(path, kept / f"{inode}-{path.name}")
            seen.add(inode)
    except OSError:
        return  # gone between two looks
