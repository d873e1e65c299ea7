"""One supervised process: when it may be started again.

Rules: killed from outside, it is started again at once; ended by itself, after a pause that doubles; ended because only
a person can help (a refused PIN, a missing right), never: to try again would use up the token's last tries.
"""

import subprocess
import time
from pathlib import Path

from api.server import EXIT_CANNOT_START

FIRST_PAUSE = 0.5  # seconds
LONGEST_PAUSE = 30.0
LAST_WORDS = 400  # characters


class ProcessFailed(Exception):
    """A process ended before the service was ready."""

    code = "process_failed"


class Child:
    """A process of the service that is to stay up."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._failures = 0
        self._started = 0.0
        self._due: float | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process, or the one that ended last.

        Raises:
            ValueError: it was never started.
        """
        if self._process is None:
            raise ValueError(f"the {self.name} was never started")
        return self._process

    def started(self, process: subprocess.Popen[bytes]) -> None:
        """Take the process that was just started."""
        self._process, self._due, self._started = process, None, time.monotonic()

    def is_due(self) -> bool:
        """Whether it has ended and it is time to start it again."""
        status = self.process.poll()
        if status is None or status == EXIT_CANNOT_START:
            return False
        if self._due is None:
            self._due = time.monotonic() + self._pause(status)
        return time.monotonic() >= self._due

    def require_alive(self) -> None:
        """Raise `ProcessFailed` with its last words if it has ended."""
        if self.process.poll() is not None:
            raise ProcessFailed(f"the {self.name} ended: {self._last_words()} (the whole log: {self.log})")

    def _pause(self, status: int) -> float:
        if status < 0:
            return 0.0  # by a signal
        if time.monotonic() - self._started > LONGEST_PAUSE:
            self._failures = 0
        self._failures += 1
        return min(FIRST_PAUSE * 2.0 ** (self._failures - 1), LONGEST_PAUSE)

    def _last_words(self) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return " ".join(text.split())[-LAST_WORDS:] or "without a word"
