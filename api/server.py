"""gunicorn, started from code: one process, many threads, everything built after the fork.

An event stream holds a thread for its whole life, so there are far more threads than cores. No control socket is
opened: its default path is the same for every instance of a user.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from gunicorn.errors import AppImportError  # type: ignore[import-untyped]

EXIT_CANNOT_START = 4  # gunicorn's own code for it
PRIVATE_UMASK = 0o177  # a Unix socket only its owner can open


class CannotStart(AppImportError):  # type: ignore[misc]
    """What the application needs is refused, and only a person can change that. `build` raises it.

    The message is printed without a traceback and the process ends with `EXIT_CANNOT_START`.
    """


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """Serves the application that `build` makes, once the worker process exists."""

    def __init__(self, build: Callable[[], Flask], **options: Any) -> None:
        self._build = build
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand the options to gunicorn; no file, environment or command line is read."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Build the application, in the worker."""
        return self._build()


def serve_tcp(build: Callable[[], Flask], host: str, port: int, threads: int) -> None:
    """Serve on `host:port` until SIGTERM. Plain HTTP: for other machines, a proxy in front ends TLS."""
    Server(build, bind=f"{host}:{port}", **_options(threads)).run()


def serve_unix(build: Callable[[], Flask], socket: Path, threads: int) -> None:
    """Serve on a Unix socket that only this user can open, until SIGTERM."""
    Server(build, bind=f"unix:{socket}", umask=PRIVATE_UMASK, **_options(threads)).run()


def _options(threads: int) -> dict[str, Any]:
    return {
        "worker_class": "gthread",
        "workers": 1,
        "threads": threads,
        "control_socket_disable": True,
        "preload_app": False,
        "graceful_timeout": 5,
        "loglevel": "warning",
    }
