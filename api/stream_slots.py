"""How many event streams may be open at once. Each holds a thread for minutes, and the other requests need theirs.

Streams get half of the threads at most, and one caller a few of those; the next one is answered 503 and may try again.
"""

import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from secure_ds.services.errors import ServiceUnavailable

PER_CALLER: Final = 8


class StreamSlots:
    """The slots of one API process.

    Args:
        total: streams open at once, of all callers together.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str) -> Callable[[], None]:
        """Take a slot; return what gives it back, which the stream calls once when it ends.

        Raises:
            ServiceUnavailable: the caller has too many streams open, or all callers together have.
        """
        with self._lock:
            if self._taken[caller] >= PER_CALLER or self._taken.total() >= self._total:
                raise ServiceUnavailable("too many event streams are open", remedy="close one, or try again later")
            self._taken[caller] += 1
        return partial(self._give_back, caller)

    def _give_back(self, caller: str) -> None:
        with self._lock:
            self._taken[caller] -= 1
            self._taken += Counter()  # forgets callers without a stream
